// Secrets of a named store.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "mecha/mode.h"

namespace mecha {

/// The values of one secret by name; most secrets have one, under their own name.
using Secret = std::map<std::string, std::string, std::less<>>;
using Secrets = std::map<std::string, Secret, std::less<>>;

/// Which secret is wanted.
struct GetSecretRequest {
  std::string store;  ///< The name of the component.
  std::string key;  ///< Empty when all are asked for.
  Metadata metadata = {};  ///< Settings of this request.
};

/// See StateApi for what overrides are held to.
class SecretApi {
 public:
  virtual ~SecretApi() = default;
  /// One secret, which may have several values.
  virtual Task<Result<Secret>> get_secret(GetSecretRequest request, CallOptions options);
  /// All that the application may read; `key` is not looked at.
  virtual Task<Result<Secrets>> get_all_secrets(GetSecretRequest request, CallOptions options);
};

/// A store of secrets by name. A cheap value; any thread. What it returns is not wiped from memory.
template <class Mode>
class BasicSecretStore {
 public:
  /// Over any implementation of the calls.
  BasicSecretStore(std::shared_ptr<SecretApi> api, std::string name)
      : api_(std::move(api)), name_(std::move(name)) {}

  /// Of the component.
  const std::string& name() const noexcept { return name_; }

  /// One secret. An absent one is an error, as the store says it; so is one that the scopes forbid
  /// (`permission_denied`).
  auto get(std::string key, Metadata metadata = {}, CallOptions options = {}) const ->
      typename Mode::template Return<Secret> {
    return Mode::run(
        api_->get_secret({name_, std::move(key), std::move(metadata)}, std::move(options))
    );
  }

  /// All secrets that the scopes allow.
  auto get_all(Metadata metadata = {}, CallOptions options = {}) const ->
      typename Mode::template Return<Secrets> {
    return Mode::run(api_->get_all_secrets({name_, {}, std::move(metadata)}, std::move(options)));
  }

 private:
  std::shared_ptr<SecretApi> api_;
  std::string name_;
};

using SecretStore = BasicSecretStore<Async>;

}  // namespace mecha
