// PEM: private keys of PKCS 1, PKCS 8 and SEC 1, public ones of PKCS 1 and PKIX. Encrypted keys are refused.

#include <openssl/decoder.h>
#include <openssl/pem.h>

#include "components/crypto/evp.hpp"
#include "components/crypto/key.hpp"

namespace mecha::crypto {
namespace {

using Decoder = std::unique_ptr<OSSL_DECODER_CTX, Release<OSSL_DECODER_CTX_free>>;

// Without it OpenSSL would ask at the terminal.
int no_password(char*, int, int, void*) { return -1; }

Result<KeyType> type_of(const EVP_PKEY* pair) {
  if (EVP_PKEY_is_a(pair, "RSA") == 1) return KeyType::rsa;
  if (EVP_PKEY_is_a(pair, "SM2") == 1) return KeyType::sm2;
  if (EVP_PKEY_is_a(pair, "EC") == 1) return KeyType::ec;
  if (EVP_PKEY_is_a(pair, "ED25519") == 1) return KeyType::ed25519;
  return fail(Code::invalid_argument, "unsupported key type");
}

EVP_PKEY* decode(std::string_view text, bool is_private) {
  EVP_PKEY* pair = nullptr;
  const int selection = is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY;
  const Decoder decoder(OSSL_DECODER_CTX_new_for_pkey(&pair, "PEM", nullptr, nullptr, selection, nullptr, nullptr));
  if (decoder == nullptr) return nullptr;
  OSSL_DECODER_CTX_set_pem_password_cb(decoder.get(), no_password, nullptr);
  const unsigned char* at = raw(text);
  std::size_t left = text.size();
  return OSSL_DECODER_from_data(decoder.get(), &at, &left) == 1 ? pair : nullptr;
}

}  // namespace

Result<Key> parse_pem(std::string_view text) {
  const bool is_private = text.find("PRIVATE KEY-----") != std::string_view::npos;
  const std::shared_ptr<EVP_PKEY> pair(decode(text, is_private), EVP_PKEY_free);
  if (pair == nullptr) return evp_failure("failed to parse PEM key");
  MECHA_TRY(const auto type, type_of(pair.get()));
  return Key{.type = type, .pair = pair, .is_private = is_private};
}

Result<std::string> public_pem(const Key& key) {
  if (key.pair == nullptr) return fail(Code::not_found, "key not found");
  const Memory memory(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(memory.get(), key.pair.get()) != 1) return evp_failure("failed to write the public key");
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace mecha::crypto
