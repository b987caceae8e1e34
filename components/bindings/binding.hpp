// The contract of bindings: connectors to systems outside, inwards (events for the application),
// outwards (operations that the application asks for), or both (contract 03, section 5).
//
// Threads: start(), stop(), read() and stop_reading() on shard 0; invoke() from any shard. Handlers
// of events run on shard 0.

#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "components/component.hpp"

namespace mecha::bindings {

struct InvokeRequest {
  std::string operation;
  std::string data;  // JSON text from HTTP callers, bytes as they are from gRPC callers
  Metadata metadata;
};

// What an operation gave. `data` empty and `answered` false: nothing (204). Metadata is told even
// with an error.
struct InvokeOutcome {
  bool answered = false;
  std::string data;
  Metadata metadata;
  std::optional<Error> error;
};

inline InvokeOutcome answer(std::string data, Metadata metadata = {}) {
  return {.answered = true, .data = std::move(data), .metadata = std::move(metadata)};
}
inline InvokeOutcome no_answer() { return {}; }
inline InvokeOutcome failure(Error error, Metadata metadata = {}) {
  return {.metadata = std::move(metadata), .error = std::move(error)};
}

class OutputBinding {
 public:
  virtual ~OutputBinding() = default;
  // In the order in which the contract lists them; compared exactly before invoke() is called.
  virtual std::vector<std::string> operations() const = 0;
  virtual asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) = 0;
};

struct InputEvent {
  std::string data;
  Metadata metadata;
};

// Gives an event to the application; the result is the body of its answer. An error means it was
// not handled: what happens to the event then is the component's own rule.
using EventHandler = std::function<Async<std::string>(InputEvent)>;

class InputBinding {
 public:
  virtual ~InputBinding() = default;
  // Begins to deliver; several events may be under way at once unless the component says otherwise.
  virtual Async<void> read(EventHandler handler) = 0;
  // No new events; those under way may end within `grace`, then they are cancelled. Returns when
  // none is left. read() may be called again.
  virtual asio::awaitable<void> stop_reading(std::chrono::steady_clock::duration grace) = 0;
};

// A binding component. Either pointer may be null; both point into the object.
class Binding : public Component {
 public:
  virtual OutputBinding* output() { return nullptr; }
  virtual InputBinding* input() { return nullptr; }
  std::vector<std::string> features() const override { return {}; }
};

}  // namespace mecha::bindings
