// Single operations with keys. What exactly failed is not told to the caller.

#include <utility>

#include "api/errors/common.hpp"
#include "api/errors/crypto.hpp"
#include "runtime/capabilities/crypto/crypto.hpp"
#include "runtime/capabilities/crypto/providers.hpp"

namespace mecha::crypto {
namespace {

bool is_enabled(const RequestScope& scope) {
  const auto& features = scope.snapshot->configuration.features;
  const auto feature = features.find("SubtleCrypto");
  return feature != features.end() && feature->second;
}

Async<SubtleAnswer> sealed(Async<Sealed> work) {
  auto done = co_await std::move(work);
  if (!done) co_return fail(std::move(done).error());
  co_return SubtleAnswer{.data = std::move(done->data), .tag = std::move(done->tag)};
}

Async<SubtleAnswer> bytes(Async<std::string> work) {
  auto done = co_await std::move(work);
  if (!done) co_return fail(std::move(done).error());
  co_return SubtleAnswer{.data = *std::move(done)};
}

Async<SubtleAnswer> verdict(Async<bool> work) {
  const auto done = co_await std::move(work);
  if (!done) co_return fail(done.error());
  co_return SubtleAnswer{.is_valid = *done};
}

Async<SubtleAnswer> perform(CryptoProvider& provider, SubtleKind kind, Operation operation) {
  switch (kind) {
    case SubtleKind::encrypt: return sealed(provider.encrypt(std::move(operation)));
    case SubtleKind::decrypt: return bytes(provider.decrypt(std::move(operation)));
    case SubtleKind::wrap_key: return sealed(provider.wrap_key(std::move(operation)));
    case SubtleKind::unwrap_key: return bytes(provider.unwrap_key(std::move(operation)));
    case SubtleKind::sign: return bytes(provider.sign(std::move(operation)));
    case SubtleKind::verify: return verdict(provider.verify(std::move(operation)));
  }
  std::unreachable();
}

std::string_view failure_of(SubtleKind kind) {
  switch (kind) {
    case SubtleKind::encrypt: return "failed to encrypt";
    case SubtleKind::decrypt: return "failed to decrypt";
    case SubtleKind::wrap_key: return "failed to wrap key";
    case SubtleKind::unwrap_key: return "failed to unwrap key";
    case SubtleKind::sign: return "failed to sign";
    case SubtleKind::verify: return "failed to verify signature";
  }
  std::unreachable();
}

}  // namespace

Async<std::string> CryptoCapability::subtle_key(RequestScope& scope, std::string component, std::string name, int format) {
  if (!is_enabled(scope)) co_return fail(errors::unimplemented_api());
  MECHA_CO_TRY(CryptoProvider * provider, find_provider(scope, component));
  if (format != static_cast<int>(KeyFormat::pem) && format != static_cast<int>(KeyFormat::json)) {
    co_return fail(errors::bad_request_error("invalid key format"));
  }
  std::function<Async<Key>()> get = [provider, &name] { return provider->get_key(name); };
  const auto key = co_await call_provider<Key>(scope, component, std::move(get));
  if (!key) co_return fail(errors::crypto_key(name, key.error().message));
  auto text = format == static_cast<int>(KeyFormat::pem) ? public_pem(*key) : public_jwk(*key);
  if (!text) co_return fail(errors::crypto_key(name, text.error().message));
  co_return std::move(text);
}

Async<SubtleAnswer> CryptoCapability::subtle(RequestScope& scope, SubtleKind kind, std::string component, Operation operation) {
  if (!is_enabled(scope)) co_return fail(errors::unimplemented_api());
  MECHA_CO_TRY(CryptoProvider * provider, find_provider(scope, component));
  std::function<Async<SubtleAnswer>()> attempt = [provider, kind, &operation] { return perform(*provider, kind, operation); };
  auto answer = co_await call_provider<SubtleAnswer>(scope, component, std::move(attempt));
  if (!answer) co_return fail(errors::crypto(failure_of(kind)));
  co_return std::move(answer);
}

}  // namespace mecha::crypto
