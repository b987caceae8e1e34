// Configuration: items of a named store, read or watched.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mecha/mode.h"

namespace mecha {

/// What a store holds for a key.
struct ConfigurationItem {
  std::string value;  ///< As the store has it.
  std::string version;  ///< Changes with the value; empty where the store counts none.
  Metadata metadata;  ///< What the store tells besides.
};
using ConfigurationItems = std::map<std::string, ConfigurationItem, std::less<>>;

/// Which items are wanted.
struct ConfigurationRequest {
  std::string store;  ///< The name of the component.
  std::vector<std::string> keys;  ///< Empty: all.
  Metadata metadata = {};  ///< Settings of this request.
};

/// An open subscription to changes. It begins with the first `next`; one `next` at a time, on any
/// thread. Destroying it ends it; not while a `next` waits. It may outlive the client.
class ConfigurationStream {
 public:
  virtual ~ConfigurationStream() = default;
  /// The items that changed; empty when the stream was ended in order. An error ends the stream for
  /// good.
  virtual Task<Result<std::optional<ConfigurationItems>>> next() = 0;
  /// The id that the sidecar gave, empty before. Call it after a `next` has ended, not beside one.
  virtual std::string id() const = 0;
  /// Ends the stream: what waits and what comes later fails with `cancelled`. Any thread.
  virtual void cancel() noexcept = 0;
};

/// See StateApi for what overrides are held to.
class ConfigurationApi {
 public:
  virtual ~ConfigurationApi() = default;
  /// What the keys have now.
  virtual Task<Result<ConfigurationItems>> get_configuration(
      ConfigurationRequest request, CallOptions options
  );
  /// Never null. `options.timeout` limits the wait for the sidecar's consent, not the stream.
  virtual std::unique_ptr<ConfigurationStream> subscribe_configuration(
      ConfigurationRequest request, CallOptions options
  );
  /// Ends a subscription by its id, from anywhere. Fails with `not_found` for one that does not
  /// exist.
  virtual Task<Result<void>> unsubscribe_configuration(
      std::string store, std::string id, CallOptions options
  );
};

/// Changes as they come. Movable, but not while a `next` waits; otherwise as ConfigurationStream.
template <class Mode>
class BasicConfigurationWatch {
 public:
  /// Over any implementation of the stream.
  explicit BasicConfigurationWatch(std::unique_ptr<ConfigurationStream> stream)
      : stream_(std::move(stream)) {}

  /// The next change; empty when the watch was ended by `unsubscribe`. One read at a time.
  auto next() -> typename Mode::template Return<std::optional<ConfigurationItems>> {
    return Mode::run(stream_->next());
  }
  /// For `unsubscribe`; empty before the first change came.
  std::string id() const { return stream_->id(); }
  /// Ends the watch, from any thread.
  void cancel() noexcept { stream_->cancel(); }

 private:
  std::unique_ptr<ConfigurationStream> stream_;
};

/// A configuration store by name. A cheap value; any thread.
template <class Mode>
class BasicConfiguration {
 public:
  /// Over any implementation of the calls.
  BasicConfiguration(std::shared_ptr<ConfigurationApi> api, std::string name)
      : api_(std::move(api)), name_(std::move(name)) {}

  /// Of the component.
  const std::string& name() const noexcept { return name_; }

  /// The items of these keys that exist; all of the store without keys.
  auto get(std::vector<std::string> keys = {}, Metadata metadata = {}, CallOptions options = {})
      const -> typename Mode::template Return<ConfigurationItems> {
    return Mode::run(
        api_->get_configuration({name_, std::move(keys), std::move(metadata)}, std::move(options))
    );
  }

  /// Watches these keys, or all. Failures come out of the watch's `next`.
  BasicConfigurationWatch<Mode> watch(
      std::vector<std::string> keys = {}, Metadata metadata = {}, CallOptions options = {}
  ) const {
    return BasicConfigurationWatch<Mode>(api_->subscribe_configuration(
        {name_, std::move(keys), std::move(metadata)}, std::move(options)
    ));
  }

  /// Ends the watch of this id, in order: its `next` gives an empty change.
  auto unsubscribe(std::string id, CallOptions options = {}) const ->
      typename Mode::template Return<void> {
    return Mode::run(api_->unsubscribe_configuration(name_, std::move(id), std::move(options)));
  }

 private:
  std::shared_ptr<ConfigurationApi> api_;
  std::string name_;
};

using Configuration = BasicConfiguration<Async>;

}  // namespace mecha
