// crypto.dapr.jwks: the contract of providers, then the sources of a key set.

#include <filesystem>
#include <fstream>

#include "runtime/base/text.hpp"
#include "tests/conformance/crypto_suite.hpp"

namespace mecha::crypto {
void register_dapr_jwks(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::crypto;

namespace {

constexpr auto kType = "crypto.dapr.jwks";

std::string octets(std::string_view id, std::string_view more = "") {
  return R"({"kty":"oct","kid":")" + std::string(id) + R"(","k":")" + std::string(conformance::kOctets) + "\"" + std::string(more) + "}";
}

std::string set_of(const std::vector<std::string>& keys) { return "{\"keys\":[" + text::join(keys, ",") + "]}"; }

std::string wrap(conformance::CryptoStage& stage, CryptoProvider& provider, std::string key) {
  const auto done = stage.run(provider.wrap_key({.algorithm = "A256KW", .key = std::move(key), .data = std::string(32, 'k')}));
  return done ? "done" : done.error().message;
}

}  // namespace

TEST_CASE("crypto.dapr.jwks keeps the contract of providers", "[crypto][jwks]") {
  conformance::CryptoStage stage(register_dapr_jwks);
  const auto set = set_of({octets("octets"), std::string(conformance::kRsaJwk), std::string(conformance::kEcJwk)});
  const auto provider = stage.start(kType, {{.name = "jwks", .value = set}});
  REQUIRE(provider);
  conformance::crypto_provider(stage, **provider, {.octets = "octets", .rsa = "rsa", .ec = "ec"});
  // The same keys in another form.
  const auto open = stage.run((*provider)->get_key("rsa"));
  REQUIRE(open);
  CHECK(public_pem(*open).value() == public_pem(parse_pem(conformance::kRsaPem).value()).value());
}

TEST_CASE("a key set says for what its keys are", "[crypto][jwks]") {
  conformance::CryptoStage stage(register_dapr_jwks);
  const auto set = set_of({
      octets("any"), octets("alg", R"(,"alg":"A256KW")"), octets("other", R"(,"alg":"A256GCM")"),
      octets("ops", R"(,"key_ops":["encrypt"])"), octets("sig", R"(,"use":"sig")"), octets("enc", R"(,"use":"enc")"),
  });
  const auto provider = stage.start(kType, {{.name = "jwks", .value = text::base64(set)}});
  REQUIRE(provider);
  CHECK(wrap(stage, **provider, "any") == "done");
  CHECK(wrap(stage, **provider, "alg") == "done");
  CHECK(wrap(stage, **provider, "enc") == "done");
  CHECK(wrap(stage, **provider, "other") == "key cannot be used with algorithm 'A256KW'");
  CHECK(wrap(stage, **provider, "ops") == "key cannot perform the 'wrapKey' operation");
  CHECK(wrap(stage, **provider, "sig") == "key cannot perform the 'wrapKey' operation");
  CHECK(wrap(stage, **provider, "none") == "failed to retrieve the key encryption key: key not found");
}

TEST_CASE("a file is read again when it changes, and a broken one leaves the last keys", "[crypto][jwks]") {
  const auto path = (std::filesystem::temp_directory_path() / ("mecha-jwks-" + text::uuid())).string();
  std::ofstream(path) << set_of({octets("one")});
  {
    conformance::CryptoStage stage(register_dapr_jwks);
    const auto provider = stage.start(kType, {{.name = "jwks", .value = path}});
    REQUIRE(provider);
    CHECK(wrap(stage, **provider, "one") == "done");
    std::ofstream(path) << set_of({octets("another")});
    CHECK(wrap(stage, **provider, "another") == "done");
    CHECK(wrap(stage, **provider, "one") != "done");
    std::ofstream(path) << "{";
    CHECK(wrap(stage, **provider, "another") == "done");
    std::filesystem::remove(path);
    CHECK(wrap(stage, **provider, "another") == "done");
  }
}

TEST_CASE("what is no key set is refused at start", "[crypto][jwks]") {
  conformance::CryptoStage stage(register_dapr_jwks);
  const auto failure = [&](std::vector<NameValue> metadata) {
    const auto provider = stage.start(kType, std::move(metadata));
    return provider ? std::string("started") : provider.error().message;
  };
  const std::string no_source =
      "failed to init cache: failed to parse property 'location': not a URL, path to local file, or JSON value (optionally "
      "base64-encoded)";
  CHECK(failure({}) == "empty metadata properties");
  CHECK(failure({{.name = "jwks", .value = ""}}) == "failed to load metadata: metadata property 'jwks' is required");
  for (const auto* text : {"missing.json", "{}", "{bad", R"({"keys":[{"kty":"xyz","kid":"a"}]})", R"({"keys":{}})"}) {
    CHECK(failure({{.name = "jwks", .value = text}}) == no_source);
  }
  CHECK(failure({{.name = "jwks", .value = "http://127.0.0.1:1/jwks"}}).starts_with("failed to init cache: failed to fetch JWKS: "));
  CHECK(failure({{.name = "jwks", .value = "x"}, {.name = "requestTimeout", .value = "abc"}})
            .starts_with("failed to load metadata: error decoding 'requestTimeout'"));
}
