// The capability over a provider of its own: documents there and back, errors, the switch of the subtle calls, metrics.

#include "runtime/capabilities/crypto/crypto.hpp"

#include "components/crypto/algorithms.hpp"
#include "components/crypto/local_provider.hpp"
#include "runtime/app/application.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/telemetry/metrics.hpp"
#include "runtime/telemetry/tracer.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::crypto;

namespace {

class OneKey final : public LocalProvider {
  Async<Key> load(std::string name) override {
    if (name != "k") co_return fail(Code::not_found, "key not found");
    co_return Key{.bytes = Secret(std::string(32, 'k'))};
  }
};

class Collect final : public ByteSink {
 public:
  Async<void> write(std::string piece) override {
    sizes.push_back(piece.size());
    text += piece;
    co_return Result<void>{};
  }
  std::string text;
  std::vector<std::size_t> sizes;
};

class Setup {
 public:
  explicit Setup(bool subtle = false) : snapshot(std::make_shared<Snapshot>()) {
    snapshot->resiliency = std::make_shared<resilience::Policies>();
    snapshot->cryptos["vault"] = {.spec = std::make_shared<ComponentSpec>(), .instance = std::make_shared<OneKey>()};
    if (subtle) snapshot->configuration.features["SubtleCrypto"] = true;
  }

  std::string encrypt(EncryptRequest request, std::string text, Collect& out) {
    RequestScope scope(application, snapshot, Face::http);
    net::TextBody body(std::move(text));
    return told(testing::run(shards.context(0), capability.encrypt(scope, std::move(request), body, out)));
  }
  std::string decrypt(DecryptRequest request, std::string text, Collect& out) {
    RequestScope scope(application, snapshot, Face::http);
    net::TextBody body(std::move(text));
    return told(testing::run(shards.context(0), capability.decrypt(scope, std::move(request), body, out)));
  }
  Result<SubtleAnswer> subtle(SubtleKind kind, Operation operation) {
    RequestScope scope(application, snapshot, Face::http);
    return testing::run(shards.context(0), capability.subtle(scope, kind, "vault", std::move(operation)));
  }
  static std::string told(const Result<void>& done) {
    return done ? "ok" : std::string(done.error().tag) + " " + done.error().message;
  }

  Shards shards{1};
  Application application{shards, {.id = "app"}, Log(), std::make_unique<Metrics>(MetricsOptions{.app_id = "app"})};
  std::shared_ptr<Snapshot> snapshot;
  CryptoCapability capability;
};

}  // namespace

TEST_CASE("a document goes there and back, one piece per segment", "[crypto]") {
  Setup setup;
  for (const auto* cipher : {"", "aes-gcm", "chacha20-poly1305", "sm4-ctr-hsm3"}) {
    for (const std::size_t size : {0U, 1U, 65535U, 65536U, 65537U, 200000U}) {
      INFO(cipher << " " << size);
      const std::string text(size, 't');
      Collect document;
      REQUIRE(setup.encrypt({.component = "vault", .key = "k", .algorithm = "aes", .cipher = cipher}, text, document) == "ok");
      CHECK(document.sizes.size() == 1 + (size + 65535) / 65536);
      Collect back;
      REQUIRE(setup.decrypt({.component = "vault"}, document.text, back) == "ok");
      CHECK(back.text == text);
      CHECK(back.sizes.size() == (size + 65535) / 65536);
    }
  }
}

TEST_CASE("errors of documents are those of the API", "[crypto]") {
  Setup setup;
  Collect out;
  const std::string prefix = "ERR_CRYPTO failed to perform operation: ";
  CHECK(setup.encrypt({.component = "other"}, "", out) == "ERR_CRYPTO_PROVIDER_NOT_FOUND crypto provider other not found");
  CHECK(setup.encrypt({.component = ""}, "", out) == "ERR_BAD_REQUEST invalid request: missing component name");
  CHECK(setup.encrypt({.component = "vault", .key = "k", .algorithm = "x"}, "", out) ==
        prefix + "option Algorithm is not valid: algorithm X is not supported");
  CHECK(setup.encrypt({.component = "vault", .key = "k", .algorithm = "AES", .cipher = "y"}, "", out) ==
        prefix + "option Cipher is not valid: cipher Y is not supported");
  CHECK(setup.encrypt({.component = "vault", .key = "n", .algorithm = "AES"}, "", out) ==
        prefix + "failed to wrap the file key: failed to retrieve the key encryption key: key not found");
  CHECK(out.text.empty());
  REQUIRE(setup.encrypt({.component = "vault", .key = "k", .algorithm = "AES", .decryption_key = "n"}, "hello", out) == "ok");
  Collect back;
  CHECK(setup.decrypt({.component = "vault"}, out.text, back) == prefix + "failed to validate the document's signature");
  CHECK(setup.decrypt({.component = "vault", .key = "k"}, out.text, back) == "ok");
  CHECK(back.text == "hello");
  out.text.back() ^= 1;
  CHECK(setup.decrypt({.component = "vault", .key = "k"}, out.text, back) == " error processing segment 0: failed to decrypt segment");
  setup.snapshot->cryptos.clear();
  CHECK(setup.decrypt({.component = "vault"}, "", back) == "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED crypto providers not configured");
}

TEST_CASE("subtle calls are there only where they are switched on, and hide causes", "[crypto]") {
  Setup closed;
  CHECK(closed.subtle(SubtleKind::encrypt, {}).error().tag == "ERR_API_UNIMPLEMENTED");
  Setup setup(true);
  const std::string nonce(12, 'n');
  const auto sealed = setup.subtle(SubtleKind::encrypt, {.algorithm = "A256GCM", .key = "k", .data = "hello", .nonce = nonce});
  REQUIRE(sealed);
  const auto opened = setup.subtle(
      SubtleKind::decrypt, {.algorithm = "A256GCM", .key = "k", .data = sealed->data, .nonce = nonce, .tag = sealed->tag}
  );
  REQUIRE(opened);
  CHECK(opened->data == "hello");
  const std::pair<SubtleKind, std::string> failures[]{
      {SubtleKind::encrypt, "failed to encrypt"},       {SubtleKind::decrypt, "failed to decrypt"},
      {SubtleKind::wrap_key, "failed to wrap key"},     {SubtleKind::unwrap_key, "failed to unwrap key"},
      {SubtleKind::sign, "failed to sign"},             {SubtleKind::verify, "failed to verify signature"},
  };
  for (const auto& [kind, text] : failures) {
    const auto answer = setup.subtle(kind, {.algorithm = "A256GCM", .key = "none"});
    REQUIRE(!answer);
    CHECK(answer.error().tag == "ERR_CRYPTO");
    CHECK(answer.error().message == "failed to perform operation: " + text);
  }
}

TEST_CASE("calls of a provider are counted", "[crypto]") {
  Setup setup;
  Collect out;
  (void)setup.encrypt({.component = "vault", .key = "k", .algorithm = "AES"}, "", out);
  (void)setup.encrypt({.component = "vault", .key = "n", .algorithm = "AES"}, "", out);
  const auto text = setup.application.metrics->text();
  CHECK(text.find("component_crypto_count") != std::string::npos);
  CHECK(text.find(R"(operation="crypto_op")") != std::string::npos);
}
