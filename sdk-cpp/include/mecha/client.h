// The client: every capability of a sidecar behind one cheap value, over the wire or over a fake.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "mecha/binding.h"
#include "mecha/configuration.h"
#include "mecha/connect.h"
#include "mecha/crypto.h"
#include "mecha/invoke.h"
#include "mecha/lock.h"
#include "mecha/pubsub.h"
#include "mecha/secrets.h"
#include "mecha/sidecar.h"
#include "mecha/state.h"
#include "mecha/subscribe.h"

namespace mecha {

/// Everything a sidecar can be asked for, as bytes. `connect` gives the one that speaks to a
/// sidecar; tests derive their own and override what they need.
///
/// Overrides are called on any thread, several at a time. Arguments are theirs to move from. What
/// is not overridden answers `unimplemented`, so that a new call here breaks no class elsewhere.
class Api : public StateApi,
            public InvokeApi,
            public PublishApi,
            public SubscribeApi,
            public BindingApi,
            public SecretApi,
            public ConfigurationApi,
            public LockApi,
            public CryptoApi,
            public SidecarApi {
 public:
  Api() = default;
  Api(const Api&) = delete;
  Api& operator=(const Api&) = delete;
};

template <class Mode>
class BasicClient;

using Client = BasicClient<Async>;
/// The same calls for code without coroutines.
using BlockingClient = BasicClient<Blocking>;

/// What an application holds. A cheap value (one shared pointer): copy it into every class that
/// needs it; any thread. Calls under way keep what they need alive, so a client may go while they
/// run.
template <class Mode>
class BasicClient {
 public:
  /// Over any implementation: a connection or a fake. Null ends the program.
  explicit BasicClient(std::shared_ptr<Api> api) : api_(std::move(api)) {
    if (!api_) detail::misuse("a client was made over a null Api");
  }

  /// Makes a client for the sidecar that the options or the environment name. Does not wait for it:
  /// the connection is made by the first call. Fails with `invalid_argument` for an address or TLS
  /// settings that cannot be used.
  static Result<BasicClient> connect(ClientOptions options = {}) {
    auto api = mecha::connect(std::move(options));
    if (!api) return std::move(api).error();
    return BasicClient(std::move(*api));
  }

  /// Keys and values in a store.
  BasicStateStore<Mode> state(std::string store) const { return {api_, std::move(store)}; }
  /// Another application, by its app id.
  BasicApp<Mode> app(std::string id) const { return {api_, std::move(id)}; }
  /// Publishing and subscribing by a broker.
  BasicPubSub<Mode> pubsub(std::string name) const { return {api_, std::move(name), api_}; }
  /// What a binding can do.
  BasicBinding<Mode> binding(std::string name) const { return {api_, std::move(name)}; }
  /// Secrets of a store.
  BasicSecretStore<Mode> secrets(std::string store) const { return {api_, std::move(store)}; }
  /// Configuration of a store.
  BasicConfiguration<Mode> configuration(std::string store) const {
    return {api_, std::move(store)};
  }
  /// Locks of a store.
  BasicLockStore<Mode> lock(std::string store) const { return {api_, std::move(store)}; }
  /// Keys of a provider.
  BasicCrypto<Mode> crypto(std::string provider) const { return {api_, std::move(provider)}; }

  /// What the sidecar says about itself.
  auto metadata(CallOptions options = {}) const -> typename Mode::template Return<SidecarInfo> {
    return Mode::run(api_->get_metadata(std::move(options)));
  }
  /// Sets a field of what the sidecar says about itself.
  auto set_metadata(std::string key, std::string value, CallOptions options = {}) const ->
      typename Mode::template Return<void> {
    return Mode::run(api_->set_metadata(std::move(key), std::move(value), std::move(options)));
  }
  /// Ends when the sidecar answers, or with `deadline_exceeded` and the last failure after `limit`.
  auto wait_until_ready(std::chrono::milliseconds limit, CallOptions options = {}) const ->
      typename Mode::template Return<void> {
    return Mode::run(api_->wait_until_ready(limit, std::move(options)));
  }
  /// Asks the sidecar to end.
  auto shutdown(CallOptions options = {}) const -> typename Mode::template Return<void> {
    return Mode::run(api_->shutdown(std::move(options)));
  }

  /// The same client with calls that block, and the other way round.
  BlockingClient blocking() const { return BlockingClient(api_); }
  /// This client with the face that gives tasks.
  Client async() const { return Client(api_); }

  /// The calls as bytes, which all faces share.
  const std::shared_ptr<Api>& api() const noexcept { return api_; }

 private:
  std::shared_ptr<Api> api_;
};

}  // namespace mecha
