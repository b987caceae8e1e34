// Input bindings: which of them the application wants, and the way of their events to it (contract
// 03, 5.3 to 5.5). Lives on shard 0.

#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "components/bindings/binding.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/bindings/output.hpp"

namespace mecha::bindings {

class InputBindings {
 public:
  InputBindings(
      Application& application, OutputBindings& outputs, std::chrono::nanoseconds discovery_limit
  );

  // Asks the application which it wants (bindings whose direction is stated are not asked about),
  // and starts those that are not running. What fails is logged.
  asio::awaitable<void> start();
  // A new snapshot: ends those that are not in it any more, or with another instance, and starts what is new. Nothing
  // before start().
  asio::awaitable<void> reload();
  // Stops all; events under way may end within `grace`.
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace = std::chrono::seconds(1));

 private:
  asio::awaitable<void> start_one(
      const std::string& name, std::shared_ptr<const Snapshot> snapshot
  );
  Async<bool> wanted(RequestScope& scope, const ComponentSpec& spec, const std::string& route);
  Async<std::string> deliver(std::string name, std::string route, InputEvent event);
  Async<AppAnswer> deliver_http(
      RequestScope& scope, const std::string& route, const InputEvent& event
  );
  Async<std::string> deliver_grpc(
      RequestScope& scope, const std::string& name, const InputEvent& event
  );
  // Data for other bindings; one after another only until the first failure.
  struct Passing {
    std::vector<std::string> to;
    std::string data;
    bool until_failure = false;
    bool failed = false;
  };
  asio::awaitable<void> pass_on(RequestScope& scope, std::string response);
  asio::awaitable<void> pass_one(RequestScope& scope, Passing& passing, std::size_t index);
  void record(const std::string& name, bool success, RequestScope::Clock::duration spent);

  Application& application_;
  OutputBindings& outputs_;
  std::chrono::nanoseconds discovery_limit_;
  std::map<std::string, std::shared_ptr<InputBinding>> running_;
  bool started_ = false;
  unsigned stops_ = 0;  // how often stop() was called: a start under way then ends
  std::optional<std::set<std::string>> listed_;  // what a gRPC application named, asked once
};

// `direction` of a component's metadata names that one; both when it is absent.
bool has_direction(const ComponentSpec& spec, std::string_view direction);

}  // namespace mecha::bindings
