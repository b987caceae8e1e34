// The gRPC server of a service: what a sidecar calls, over a CallbackApi.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "mecha/service.h"

namespace mecha::wire {

struct HostOptions {
  std::string address;
  std::uint16_t port = 0;
  std::string app_token;  ///< Empty: none is asked for.
  std::size_t message_size_max = 0;
  std::optional<ServerTls> tls = std::nullopt;
};

/// Threads: calls come on gRPC's, and answers go from wherever they are known. Lifetime: what a
/// call needs lives as long as its task, also when the host has gone.
class CallbackHost {
 public:
  /// Opens the port. Fails with `unavailable` when it cannot be had.
  static Result<std::unique_ptr<CallbackHost>> open(
      std::shared_ptr<CallbackApi> api, HostOptions options
  );
  CallbackHost(const CallbackHost&) = delete;
  CallbackHost& operator=(const CallbackHost&) = delete;
  virtual ~CallbackHost() = default;

  virtual std::uint16_t port() const noexcept = 0;
  /// Waits until every call is answered; then answers `unavailable` for the others and closes the
  /// port. Gives the number of those.
  virtual std::size_t stop(std::chrono::steady_clock::time_point limit) = 0;

 protected:
  CallbackHost() = default;
};

}  // namespace mecha::wire
