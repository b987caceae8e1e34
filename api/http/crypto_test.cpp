// JSON of the subtle messages, and the routes.

#include "api/http/crypto.hpp"

#include "api/http/crypto_subtle.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::api;

TEST_CASE("a subtle request is read in both spellings and alphabets", "[http][crypto]") {
  for (const auto* body : {
           R"({"keyName":"k","algorithm":"A","plaintext":"-_8=","nonce":"AQ==","associatedData":"Ag==","x":1,"tag":null})",
           R"({"key_name":"k","algorithm":"A","plaintext":"+/8","nonce":"AQ","associated_data":"Ag","tag":""})",
       }) {
    const auto request = read_subtle(body);
    REQUIRE(request);
    CHECK(request->operation.key == "k");
    CHECK(request->operation.algorithm == "A");
    CHECK(request->operation.data == "\xfb\xff");
    CHECK(request->operation.nonce == "\x01");
    CHECK(request->operation.associated_data == "\x02");
    CHECK(request->operation.tag.empty());
  }
  CHECK(read_subtle("").value().format == 0);
  CHECK(read_subtle(R"({"name":"k","format":"JSON"})").value().format == 1);
  CHECK(read_subtle(R"({"format":7})").value().format == 7);
  for (const auto* body : {"{", "[]", "null", "{} x", R"({"keyName":5})", R"({"nonce":"!"})", R"({"digest":5})", R"({"format":"X"})", R"({"name":1})"}) {
    INFO(body);
    const auto request = read_subtle(body);
    REQUIRE(!request);
    CHECK(request.error().tag == "ERR_MALFORMED_REQUEST");
  }
}

TEST_CASE("a subtle answer names its bytes, and leaves out what is empty", "[http][crypto]") {
  using crypto::SubtleKind;
  CHECK(subtle_json(SubtleKind::encrypt, {.data = "a", .tag = "b"}) == R"({"ciphertext":"YQ==","tag":"Yg=="})");
  CHECK(subtle_json(SubtleKind::decrypt, {.data = "a"}) == R"({"plaintext":"YQ=="})");
  CHECK(subtle_json(SubtleKind::wrap_key, {.data = "a"}) == R"({"wrappedKey":"YQ=="})");
  CHECK(subtle_json(SubtleKind::unwrap_key, {.data = "a"}) == R"({"plaintextKey":"YQ=="})");
  CHECK(subtle_json(SubtleKind::sign, {.data = "a"}) == R"({"signature":"YQ=="})");
  CHECK(subtle_json(SubtleKind::verify, {.is_valid = true}) == R"({"valid":true})");
  CHECK(subtle_json(SubtleKind::verify, {}) == "{}");
}

TEST_CASE("the routes of cryptography are those of the contract", "[http][crypto]") {
  crypto::CryptoCapability capability;
  const auto routes = crypto_routes(capability);
  REQUIRE(routes.size() == 9);
  for (const auto& route : routes) {
    const bool is_document = route.group == "v1alpha1/crypto";
    CHECK(route.methods == std::vector<std::string>{is_document ? "PUT" : "POST"});
    CHECK((is_document || route.group == "v1alpha1/subtlecrypto"));
  }
}
