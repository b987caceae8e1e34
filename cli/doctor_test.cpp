#include "cli/doctor.hpp"

#include <chrono>
#include <memory>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "tests/catch.hpp"

using namespace mecha::cli;

namespace {

// A certificate that signs itself, valid from `from` to `to` days from now.
std::string certificate(int from, int to) {
  const std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key(::EVP_EC_gen("P-256"), ::EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&::X509_free)> made(::X509_new(), ::X509_free);
  ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), 86400L * from);
  ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), 86400L * to + 60);
  ::X509_set_pubkey(made.get(), key.get());
  REQUIRE(::X509_sign(made.get(), key.get(), ::EVP_sha256()) > 0);
  const std::unique_ptr<BIO, decltype(&::BIO_free)> out(::BIO_new(::BIO_s_mem()), ::BIO_free);
  ::PEM_write_bio_X509(out.get(), made.get());
  char* bytes = nullptr;
  const auto size = ::BIO_get_mem_data(out.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

Diagnoses look(const std::string& value) {
  Diagnoses found;
  look_at_certificate(found, "c", value);
  return found;
}

}  // namespace

TEST_CASE("certificates are judged by their days", "[cli]") {
  const auto good = look(certificate(-1, 100) + certificate(-1, 3));
  REQUIRE(good.size() == 2);
  CHECK((good[0].grade == Grade::ok && good[0].text == "c is valid for 100 days"));
  CHECK((good[1].grade == Grade::warning && good[1].text == "c ends in 3 days"));
  const auto over = look(certificate(-10, -3));
  REQUIRE(over.size() == 1);
  CHECK((over[0].grade == Grade::problem && over[0].text.find("days ago") != std::string::npos));
  const auto early = look(certificate(5, 10));
  REQUIRE(early.size() == 1);
  CHECK((early[0].grade == Grade::problem && early[0].text == "c is not valid yet"));
  const auto broken = look("-----BEGIN CERTIFICATE-----\nnonsense\n");
  REQUIRE(broken.size() == 1);
  CHECK(broken[0].grade == Grade::problem);
  CHECK(look("localhost:6379").empty());
  CHECK(look("").empty());
}
