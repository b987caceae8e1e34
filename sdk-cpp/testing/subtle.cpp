// Single operations with keys in memory: bytes are scrambled under the names of key and algorithm.

#include <algorithm>

#include "testing/fake_api.h"

namespace mecha::testing::detail {
namespace {

Error operation_failed(const char* what) {
  return mecha::fail(Code::internal, std::string("failed to perform operation: ") + what);
}

// The order of the checks is that of a sidecar.
Result<void> check(Hub& hub, const std::string& provider, const std::string& key, const char* what) {
  const std::lock_guard lock(hub.mutex);
  if (std::find(hub.features.begin(), hub.features.end(), "SubtleCrypto") == hub.features.end())
    return mecha::fail(Code::unimplemented, "this API is currently not implemented");
  const auto known = hub.known("crypto", provider);
  if (known == Hub::Known::none)
    return mecha::fail(Code::internal, "crypto providers not configured");
  if (provider.empty())
    return mecha::fail(Code::invalid_argument, "invalid request: missing component name");
  if (known == Hub::Known::no)
    return mecha::fail(Code::invalid_argument, "crypto provider " + provider + " not found");
  const auto keys = hub.keys.find(provider);
  if (keys != hub.keys.end() && !keys->second.contains(key)) return operation_failed(what);
  return {};
}

// Twice is once.
std::string scrambled(const SubtleRequest& request) {
  const auto pad = request.key + "|" + request.algorithm + "|" + request.nonce;
  std::string to = request.data;
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = static_cast<char>(to[i] ^ pad[i % pad.size()] ^ 0x55);
  return to;
}

std::string tag_of(const SubtleRequest& request) {
  unsigned sum = 2166136261U;
  for (const auto& text : {request.data, request.associated_data, request.key}) {
    for (const char letter : text) sum = (sum ^ static_cast<unsigned char>(letter)) * 16777619U;
  }
  return std::to_string(sum);
}

}  // namespace

Task<Result<std::string>> FakeApi::subtle_get_key(
    std::string provider, std::string key, KeyFormat format, CallOptions options
) {
  Site site{Call::subtle_get_key, provider, {key}};
  return run<std::string>(
      hub_,
      std::move(site),
      std::move(options),
      [provider = std::move(provider), key = std::move(key), format](Hub& hub) -> Result<std::string> {
        if (auto good = check(hub, provider, key, "failed to retrieve key"); !good)
          return std::move(good).error();
        return format == KeyFormat::json ? "{\"kid\":\"" + key + "\"}" : "public key " + key;
      }
  );
}

Task<Result<Sealed>> FakeApi::subtle_encrypt(SubtleRequest request, CallOptions options) {
  Site site{Call::subtle_encrypt, request.provider, {request.key}};
  return run<Sealed>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<Sealed> {
        if (auto good = check(hub, request.provider, request.key, "failed to encrypt"); !good)
          return std::move(good).error();
        return Sealed{scrambled(request), tag_of(request)};
      }
  );
}

Task<Result<std::string>> FakeApi::subtle_decrypt(SubtleRequest request, CallOptions options) {
  Site site{Call::subtle_decrypt, request.provider, {request.key}};
  return run<std::string>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<std::string> {
        if (auto good = check(hub, request.provider, request.key, "failed to decrypt"); !good)
          return std::move(good).error();
        auto plain = scrambled(request);
        request.data = plain;
        if (tag_of(request) != request.tag) return operation_failed("failed to decrypt");
        return plain;
      }
  );
}

Task<Result<Sealed>> FakeApi::subtle_wrap_key(SubtleRequest request, CallOptions options) {
  Site site{Call::subtle_wrap_key, request.provider, {request.key}};
  return run<Sealed>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<Sealed> {
        if (auto good = check(hub, request.provider, request.key, "failed to wrap key"); !good)
          return std::move(good).error();
        return Sealed{scrambled(request), tag_of(request)};
      }
  );
}

Task<Result<std::string>> FakeApi::subtle_unwrap_key(SubtleRequest request, CallOptions options) {
  Site site{Call::subtle_unwrap_key, request.provider, {request.key}};
  return run<std::string>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<std::string> {
        if (auto good = check(hub, request.provider, request.key, "failed to unwrap key"); !good)
          return std::move(good).error();
        auto plain = scrambled(request);
        request.data = plain;
        if (tag_of(request) != request.tag) return operation_failed("failed to unwrap key");
        return plain;
      }
  );
}

Task<Result<std::string>> FakeApi::subtle_sign(SubtleRequest request, CallOptions options) {
  Site site{Call::subtle_sign, request.provider, {request.key}};
  return run<std::string>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<std::string> {
        if (auto good = check(hub, request.provider, request.key, "failed to sign"); !good)
          return std::move(good).error();
        return scrambled(request);
      }
  );
}

Task<Result<bool>> FakeApi::subtle_verify(SubtleRequest request, CallOptions options) {
  Site site{Call::subtle_verify, request.provider, {request.key}};
  return run<bool>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<bool> {
        if (auto good = check(hub, request.provider, request.key, "failed to verify signature"); !good)
          return std::move(good).error();
        return scrambled(request) == request.signature;
      }
  );
}

}  // namespace mecha::testing::detail
