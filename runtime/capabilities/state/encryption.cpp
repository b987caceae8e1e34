#include "runtime/capabilities/state/encryption.hpp"

#include <array>
#include <memory>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"

namespace mecha::state {
namespace {

constexpr std::string_view kBetween = "||";
constexpr std::size_t kNonceBytes = 12, kTagBytes = 16;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* octets(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }
unsigned char* octets(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

const EVP_CIPHER* cipher_of(std::size_t key_bytes) {
  if (key_bytes == 16) return EVP_aes_128_gcm();
  return key_bytes == 24 ? EVP_aes_192_gcm() : EVP_aes_256_gcm();
}

// A context that has key and nonce; null if the library refuses.
Context begin(const Secret& key, std::string_view nonce, bool sealing) {
  Context context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  if (!context) return context;
  const auto& bytes = key.reveal();
  if (EVP_CipherInit_ex(context.get(), cipher_of(bytes.size()), nullptr, octets(bytes), octets(nonce), sealing ? 1 : 0) != 1) {
    context.reset();
  }
  return context;
}

// The item by its exact name, as far as it has a value.
const NameValue* item(const ComponentSpec& store, std::string_view name) {
  for (const auto& entry : store.metadata) {
    if (entry.name == name && !entry.value.empty()) return &entry;
  }
  return nullptr;
}

Result<Encryption::Key> read_key(const NameValue& item) {
  auto bytes = text::from_hex(item.value);
  if (!bytes) return fail(Code::invalid_argument, text::hex_fault(item.value));
  if (bytes->size() != 16 && bytes->size() != 24 && bytes->size() != 32) {
    return fail(Code::invalid_argument, "crypto/aes: invalid key size " + std::to_string(bytes->size()));
  }
  return Encryption::Key{.name = item.secret ? item.secret->name : "", .bytes = Secret(*std::move(bytes))};
}

Result<std::string> decipher(const Secret& key, std::string_view sealed) {
  const auto wrong = [] { return fail(Code::internal, "cipher: message authentication failed"); };
  if (sealed.size() < kNonceBytes + kTagBytes) return wrong();
  const auto context = begin(key, sealed.substr(0, kNonceBytes), false);
  if (!context) return fail(Code::internal, "the cipher cannot be set up");
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const auto body = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string plain(body.size(), '\0');
  int size = 0, last = 0;
  const bool fits =
      EVP_DecryptUpdate(context.get(), octets(plain), &size, octets(body), static_cast<int>(body.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), octets(plain) + size, &last) == 1;
  if (!fits) return wrong();
  return plain;
}

}  // namespace

Result<std::optional<Encryption>> Encryption::of(const ComponentSpec& store) {
  const auto* primary = item(store, "primaryEncryptionKey");
  if (primary == nullptr || store.secret_store.empty()) return std::nullopt;
  Encryption made;
  made.store_ = store.name;
  MECHA_TRY(made.primary_, read_key(*primary));
  if (const auto* secondary = item(store, "secondaryEncryptionKey")) {
    MECHA_TRY(made.secondary_, read_key(*secondary));
  }
  return made;
}

Result<std::string> Encryption::seal(std::string_view plain) const {
  std::array<unsigned char, kNonceBytes> nonce{};
  if (RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1) {
    return fail(Code::internal, "no random bytes to encrypt with");
  }
  return seal(plain, {reinterpret_cast<const char*>(nonce.data()), nonce.size()});
}

Result<std::string> Encryption::seal(std::string_view plain, std::string_view nonce) const {
  const auto context = begin(primary_.bytes, nonce, true);
  std::string sealed(nonce);
  sealed.resize(kNonceBytes + plain.size() + kTagBytes);
  auto* body = octets(sealed) + kNonceBytes;
  int size = 0, last = 0;
  const bool done =
      context && EVP_EncryptUpdate(context.get(), body, &size, octets(plain), static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), body + size, &last) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, body + plain.size()) == 1;
  if (!done) return fail(Code::internal, "the value cannot be encrypted");
  return text::base64(sealed).append(kBetween).append(primary_.name);
}

Result<std::string> Encryption::open(std::string_view record) const {
  if (record.empty()) return std::string();
  const auto failed = [this](std::string why) {
    return fail(Code::internal, "could not decrypt data for state store " + store_ + ": " + std::move(why));
  };
  const auto end = record.rfind(kBetween);
  if (end == std::string_view::npos) return failed("the record was not written encrypted");
  const auto name = record.substr(end + kBetween.size());
  if (name.empty()) return failed("encryption key name not found on record");
  const Key* key = name == primary_.name ? &primary_ : nullptr;
  if (key == nullptr && secondary_ && name == secondary_->name) key = &*secondary_;
  if (key == nullptr) return failed("the store has no key of the name " + text::quote(name));
  const auto sealed = text::from_base64(record.substr(0, end));
  if (!sealed) return fail(Code::internal, text::base64_fault(record.substr(0, end)));
  return decipher(key->bytes, *sealed);
}

}  // namespace mecha::state
