#include "runtime/net/tls.hpp"

#include <memory>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "runtime/net/client.hpp"
#include "runtime/net/wire_test.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace mecha::net::testing;
using namespace std::chrono_literals;

namespace {

struct Identity {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;

  std::string certificate_pem() const {
    return pem([this](BIO* out) { PEM_write_bio_X509(out, certificate.get()); });
  }
  Secret key_pem() const {
    return Secret(pem([this](BIO* out) {
      PEM_write_bio_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    }));
  }
  static std::string pem(const std::function<void(BIO*)>& write) {
    BIO* out = BIO_new(BIO_s_mem());
    write(out);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out, &data);
    std::string text(data, static_cast<std::size_t>(size));
    BIO_free(out);
    return text;
  }
};

// `names` as in openssl.cnf ("DNS:localhost,IP:127.0.0.1"); without an issuer it is an authority, signed by itself.
Identity make_identity(const char* names, const Identity* issuer = nullptr, long days = 1) {
  Identity made;
  made.key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
  made.certificate.reset(X509_new(), X509_free);
  auto* cert = made.certificate.get();
  static long serial = 1;
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(cert), days < 0 ? -172800 : -60);
  X509_gmtime_adj(X509_getm_notAfter(cert), days * 86400);
  X509_set_pubkey(cert, made.key.get());
  const auto name = "n" + std::to_string(serial);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(cert), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0
  );
  auto* parent = issuer ? issuer->certificate.get() : cert;
  X509_set_issuer_name(cert, X509_get_subject_name(parent));
  X509V3_CTX context;
  X509V3_set_ctx(&context, parent, cert, nullptr, nullptr, 0);
  const auto extend = [&](int id, const char* value) {
    auto* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
  if (*names) extend(NID_subject_alt_name, names);
  X509_sign(cert, (issuer ? *issuer : made).key.get(), EVP_sha256());
  return made;
}

asio::awaitable<void> who(Exchange& exchange) {
  const auto& head = exchange.request();
  (void)co_await exchange.respond(
      ResponseHead{}, head.scheme + (head.version == Version::http2 ? " h2 " : " h1 ") + exchange.peer().identity
  );
}

struct Ends {
  Identity authority = make_identity("");
  Identity server = make_identity("DNS:localhost,IP:127.0.0.1", &authority);
  Identity client = make_identity("URI:spiffe://public/ns/default/app", &authority);

  std::unique_ptr<TestServer> serve(bool want_client, const Identity& identity) const {
    ServerOptions options;
    options.tls = make_tls(TlsServerOptions{
                               .certificate_pem = identity.certificate_pem(),
                               .private_key_pem = identity.key_pem(),
                               .client_ca_pem = want_client ? authority.certificate_pem() : "",
                           })
                      .value();
    return std::make_unique<TestServer>(who, options);
  }
  TlsClientOptions trusting(bool http2) const {
    return {
        .ca_pem = authority.certificate_pem(),
        .alpn = {http2 ? "h2" : "http/1.1"},
    };
  }
};

Result<Response> fetch(std::uint16_t port, const TlsClientOptions& tls, bool http2, std::string host = "localhost") {
  Shards shards(1);
  Result<Response> answer;
  {
    ClientOptions options;
    options.http2 = http2;
    options.tls = make_tls(tls).value();
    Client client(shards, Origin{std::move(host), port, {}}, options);
    RequestHead head;
    head.method = "GET";
    head.target = "/";
    answer = mecha::testing::run(shards.context(0), client.fetch(std::move(head), {}, 5s));
  }
  shards.context(0).restart();
  shards.context(0).poll();
  return answer;
}

}  // namespace

TEST_CASE("both protocols run over TLS by ALPN", "[net][tls]") {
  const Ends ends;
  const auto server = ends.serve(false, ends.server);
  CHECK(fetch(server->port(), ends.trusting(false), false)->body == "https h1 ");
  CHECK(fetch(server->port(), ends.trusting(true), true)->body == "https h2 ");
  CHECK(fetch(server->port(), ends.trusting(false), false, "127.0.0.1")->body == "https h1 ");
}

TEST_CASE("a client certificate is demanded and its identity known", "[net][tls]") {
  const Ends ends;
  const auto server = ends.serve(true, ends.server);
  auto options = ends.trusting(false);
  CHECK_FALSE(fetch(server->port(), options, false).has_value());
  options.certificate_pem = ends.client.certificate_pem();
  options.private_key_pem = ends.client.key_pem();
  CHECK(fetch(server->port(), options, false)->body == "https h1 spiffe://public/ns/default/app");
  const auto stranger = make_identity("");
  const auto other = make_identity("URI:spiffe://evil", &stranger);
  options.certificate_pem = other.certificate_pem();
  options.private_key_pem = other.key_pem();
  CHECK_FALSE(fetch(server->port(), options, false).has_value());
}

TEST_CASE("servers are verified by chain, name and time", "[net][tls]") {
  const Ends ends;
  const auto server = ends.serve(false, ends.server);
  const auto failure = [&](std::uint16_t port, const TlsClientOptions& options) {
    const auto answer = fetch(port, options, false);
    REQUIRE_FALSE(answer);
    CHECK(answer.error().code == Code::unavailable);
    CHECK(answer.error().failure == Failure::never_sent);
    return answer.error().message;
  };
  auto options = ends.trusting(false);
  options.ca_pem = make_identity("").certificate_pem();
  CHECK(failure(server->port(), options) ==
        "tls: failed to verify certificate: x509: certificate signed by unknown authority");
  options = ends.trusting(false);
  options.server_name = "other.example";
  CHECK(failure(server->port(), options).starts_with("tls: failed to verify certificate: x509: "));
  options.verify = false;
  CHECK(fetch(server->port(), options, false)->body == "https h1 ");
  const auto expired = ends.serve(false, make_identity("DNS:localhost", &ends.authority, -1));
  CHECK(failure(expired->port(), ends.trusting(false)) ==
        "tls: failed to verify certificate: x509: certificate has expired or is not yet valid");
}

TEST_CASE("a cleartext peer is no TLS peer", "[net][tls]") {
  const Ends ends;
  TestServer plain(who);
  const auto answer = fetch(plain.port(), ends.trusting(false), false);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().failure == Failure::never_sent);
  const auto secured = ends.serve(false, ends.server);
  CHECK(secured->talk("GET / HTTP/1.1\r\nHost: a\r\n\r\n").find("HTTP/1.1 200") == std::string::npos);
}

TEST_CASE("unreadable keys and certificates are refused with a reason", "[net][tls]") {
  const auto one = make_identity("DNS:a"), two = make_identity("DNS:b");
  const auto made = [](std::string certificate, Secret key) {
    return make_tls(TlsServerOptions{.certificate_pem = std::move(certificate), .private_key_pem = std::move(key)});
  };
  CHECK(made("nonsense", one.key_pem()).error().message.starts_with("tls: the certificate cannot be read"));
  CHECK(made(one.certificate_pem(), Secret("x")).error().message.starts_with("tls: the private key cannot be read"));
  CHECK_FALSE(made(one.certificate_pem(), two.key_pem()).has_value());
  CHECK(made(one.certificate_pem(), one.key_pem()).has_value());
}
