// Documents: the keys around them, and the way of the bytes.

#include "runtime/capabilities/crypto/crypto.hpp"

#include <algorithm>
#include <utility>

#include "api/errors/crypto.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/crypto/document.hpp"
#include "runtime/capabilities/crypto/providers.hpp"

namespace mecha::crypto {
namespace {

// What a document to be is made with, or why it cannot be.
Result<Manifest> make_manifest(const EncryptRequest& request) {
  const auto algorithm = text::upper(request.algorithm);
  const auto cipher = request.cipher.empty() ? std::string("AES-GCM") : text::upper(request.cipher);
  Manifest manifest;
  manifest.wrap = find_wrap_algorithm(algorithm);
  if (manifest.wrap == nullptr) {
    return fail(errors::crypto("option Algorithm is not valid: algorithm " + algorithm + " is not supported"));
  }
  manifest.cipher = find_document_cipher(cipher);
  if (manifest.cipher == nullptr) {
    return fail(errors::crypto("option Cipher is not valid: cipher " + cipher + " is not supported"));
  }
  if (!request.omits_key) manifest.key = request.decryption_key.empty() ? request.key : request.decryption_key;
  manifest.nonce_prefix = random_bytes(kNoncePrefixBytes);
  return manifest;
}

// Reads up to the end of the header; `rest` is what came after it.
Async<Header> read_header_from(net::BodyReader& in, std::string& rest) {
  std::string bytes;
  for (bool ended = false;;) {
    MECHA_CO_TRY(const auto piece, co_await in.read());
    ended = piece.empty();
    bytes += piece;
    auto header = read_header(bytes, ended);
    if (!header) co_return fail(errors::crypto(header.error().message));
    if (*header) {
      rest = bytes.substr((*header)->size);
      co_return std::move(**header);
    }
  }
}

// The file key, or zeros that no signature fits: what was wrong is not told.
Async<std::string> unwrap_file_key(RequestScope& scope, std::string component, std::string key, Manifest manifest) {
  MECHA_CO_TRY(CryptoProvider * provider, find_provider(scope, component));
  const Operation operation{
      .algorithm = std::string(manifest.wrap->name), .key = std::move(key), .data = std::move(manifest.wrapped_key)
  };
  std::function<Async<std::string>()> unwrap = [provider, &operation] { return provider->unwrap_key(operation); };
  auto file_key = co_await call_provider<std::string>(scope, component, std::move(unwrap));
  if (!file_key || file_key->size() != kFileKeyBytes) co_return std::string(kFileKeyBytes, '\0');
  co_return std::move(file_key);
}

// Cuts the stream, from `first` on, into segments and writes what `process` makes of each.
template <class Process>
Async<void> pass_segments(std::size_t size, std::string first, net::BodyReader& in, ByteSink& out, Process& process) {
  SegmentCutter cutter(size);
  std::string_view piece = first;
  do {
    while (cutter.take(piece)) {
      MECHA_CO_TRY(auto segment, process(cutter.segment(), false));
      MECHA_CO_TRY_VOID(co_await out.write(std::move(segment)));
      cutter.clear();
    }
    MECHA_CO_TRY(piece, co_await in.read());
  } while (!piece.empty());
  if (cutter.segment().empty()) co_return Result<void>{};
  MECHA_CO_TRY(auto segment, process(cutter.segment(), true));
  co_return co_await out.write(std::move(segment));
}

}  // namespace

Result<CryptoProvider*> find_provider(RequestScope& scope, std::string_view name) {
  const auto& providers = scope.snapshot->cryptos;
  const bool any = std::ranges::any_of(providers, [](const auto& item) { return item.second.instance != nullptr; });
  if (!any) return fail(errors::crypto_not_configured());
  if (name.empty()) return fail(errors::crypto_component_missing());
  const auto* loaded = find(providers, name);
  if (loaded == nullptr || !loaded->instance) return fail(errors::crypto_provider_not_found(name));
  return loaded->instance.get();
}

Result<void> CryptoCapability::check_component(RequestScope& scope, std::string_view component) const {
  MECHA_TRY([[maybe_unused]] const auto* provider, find_provider(scope, component));
  return {};
}

Async<void> CryptoCapability::encrypt(RequestScope& scope, EncryptRequest request, net::BodyReader& in, ByteSink& out) {
  MECHA_CO_TRY(CryptoProvider * provider, find_provider(scope, request.component));
  MECHA_CO_TRY(auto manifest, make_manifest(request));
  const auto file_key = random_bytes(kFileKeyBytes);
  const Operation operation{.algorithm = std::string(manifest.wrap->name), .key = request.key, .data = file_key};
  std::function<Async<Sealed>()> wrap = [provider, &operation] { return provider->wrap_key(operation); };
  auto wrapped = co_await call_provider<Sealed>(scope, request.component, std::move(wrap));
  if (!wrapped) co_return fail(errors::crypto("failed to wrap the file key: " + wrapped.error().message));
  manifest.wrapped_key = std::move(wrapped->data);
  MECHA_CO_TRY_VOID(co_await out.write(write_header(manifest, file_key)));
  SegmentCipher cipher(manifest, file_key);
  auto seal = [&cipher](std::string_view plain, bool last) { return cipher.seal(plain, last); };
  co_return co_await pass_segments(kSegmentBytes, {}, in, out, seal);
}

Async<void> CryptoCapability::decrypt(RequestScope& scope, DecryptRequest request, net::BodyReader& in, ByteSink& out) {
  MECHA_CO_TRY_VOID(check_component(scope, request.component));
  std::string rest;
  MECHA_CO_TRY(const auto header, co_await read_header_from(in, rest));
  auto key = request.key.empty() ? header.manifest.key : request.key;
  if (key.empty()) {
    co_return fail(errors::crypto("document's manifest does not contain a key name, and no key name was provided"));
  }
  MECHA_CO_TRY(const auto file_key, co_await unwrap_file_key(scope, request.component, std::move(key), header.manifest));
  if (const auto checked = check_signature(header, file_key); !checked) co_return fail(errors::crypto(checked.error().message));
  SegmentCipher cipher(header.manifest, file_key);
  auto open = [&cipher](std::string_view sealed, bool last) { return cipher.open(sealed, last); };
  co_return co_await pass_segments(kSealedSegmentBytes, std::move(rest), in, out, open);
}

Bridge& CryptoCapability::files() {
  std::call_once(once_, [this] { files_.emplace("crypto-spool"); });
  return *files_;
}

}  // namespace mecha::crypto
