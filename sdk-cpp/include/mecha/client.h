// The client: every capability of a sidecar behind one cheap value, over the wire or over a fake.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "mecha/connect.h"
#include "mecha/state.h"

namespace mecha {

/// Everything a sidecar can be asked for, as bytes. `connect` gives the one that speaks to a
/// sidecar; tests derive their own and override what they need (mecha/testing.h has one that keeps
/// everything in memory).
class Api : public StateApi {
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
  /// Over any implementation: a connection or a fake.
  explicit BasicClient(std::shared_ptr<Api> api) : api_(std::move(api)) {}

  /// Makes a client for the sidecar that the options or the environment name. Does not wait for it:
  /// the connection is made by the first call. Fails with `invalid_argument` for an address or TLS
  /// files that cannot be used.
  static Result<BasicClient> connect(ClientOptions options = {}) {
    auto api = mecha::connect(std::move(options));
    if (!api) return std::move(api).error();
    return BasicClient(std::move(*api));
  }

  BasicStateStore<Mode> state(std::string store) const { return {api_, std::move(store)}; }

  /// The same client with calls that block, and the other way round.
  BlockingClient blocking() const { return BlockingClient(api_); }
  Client async() const { return Client(api_); }

  const std::shared_ptr<Api>& api() const noexcept { return api_; }

 private:
  std::shared_ptr<Api> api_;
};

}  // namespace mecha
