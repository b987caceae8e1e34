#include "components/crypto/local_provider.hpp"

#include <utility>

#include "components/crypto/algorithms.hpp"

namespace mecha::crypto {

Async<Key> LocalProvider::get_key(std::string name) {
  MECHA_CO_TRY(auto key, co_await load(std::move(name)));
  if (key.type == KeyType::symmetric) co_return fail(Code::not_found, "key not found");
  co_return std::move(key);
}

Async<Key> LocalProvider::fit_key(std::string name, std::string algorithm, std::string use, std::string_view what) {
  auto key = co_await load(std::move(name));
  if (!key) co_return fail(std::move(key).error().context("failed to retrieve the " + std::string(what)));
  if (!key->algorithm.empty() && key->algorithm != algorithm) {
    co_return fail(Code::invalid_argument, "key cannot be used with algorithm '" + algorithm + "'");
  }
  if (!key->permits(use)) co_return fail(Code::invalid_argument, "key cannot perform the '" + use + "' operation");
  co_return std::move(key);
}

Async<Sealed> LocalProvider::encrypt(Operation operation) {
  MECHA_CO_TRY(const auto key, co_await fit_key(operation.key, operation.algorithm, "encrypt", "encryption key"));
  auto sealed = encrypt_with(key, operation);
  if (!sealed) co_return fail(std::move(sealed).error().context("failed to encrypt data"));
  co_return std::move(sealed);
}

Async<std::string> LocalProvider::decrypt(Operation operation) {
  MECHA_CO_TRY(const auto key, co_await fit_key(operation.key, operation.algorithm, "decrypt", "decryption key"));
  auto opened = decrypt_with(key, operation);
  if (!opened) co_return fail(std::move(opened).error().context("failed to decrypt data"));
  co_return std::move(opened);
}

Async<Sealed> LocalProvider::wrap_key(Operation operation) {
  MECHA_CO_TRY(const auto key, co_await fit_key(operation.key, operation.algorithm, "wrapKey", "key encryption key"));
  auto sealed = encrypt_with(key, operation);
  if (!sealed) co_return fail(std::move(sealed).error().context("failed to encrypt data"));
  co_return std::move(sealed);
}

Async<std::string> LocalProvider::unwrap_key(Operation operation) {
  MECHA_CO_TRY(const auto key, co_await fit_key(operation.key, operation.algorithm, "unwrapKey", "key decryption key"));
  auto opened = decrypt_with(key, operation);
  if (!opened) co_return fail(std::move(opened).error().context("failed to decrypt data"));
  co_return std::move(opened);
}

Async<std::string> LocalProvider::sign(Operation operation) {
  MECHA_CO_TRY(const auto key, co_await fit_key(operation.key, operation.algorithm, "sign", "signing key"));
  co_return sign_with(key, operation);
}

Async<bool> LocalProvider::verify(Operation operation) {
  MECHA_CO_TRY(const auto key, co_await fit_key(operation.key, operation.algorithm, "verify", "verification key"));
  co_return verify_with(key, operation);
}

}  // namespace mecha::crypto
