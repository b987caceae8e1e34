// What a test says about calls of the fake: which ones, and what it wants to know of them
// afterwards.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mecha/context.h"

namespace mecha::testing {

/// The calls of Api, by their names.
enum class Call {
  get_state,
  get_bulk_state,
  save_state,
  delete_state,
  delete_bulk_state,
  transact_state,
  query_state,
  invoke,
  publish,
  publish_bulk,
  subscribe,
  invoke_binding,
  get_secret,
  get_all_secrets,
  get_configuration,
  subscribe_configuration,
  unsubscribe_configuration,
  try_lock,
  unlock,
  encrypt,
  decrypt,
  subtle_get_key,
  subtle_encrypt,
  subtle_decrypt,
  subtle_wrap_key,
  subtle_unwrap_key,
  subtle_sign,
  subtle_verify,
  get_metadata,
  set_metadata,
  wait_until_ready,
  shutdown,
};

/// The name of a call, such as `get_state`.
std::string_view to_string(Call call) noexcept;

/// Which calls a script or a question is about. What is empty fits every call.
struct On {
  On() = default;
  /// Calls of one kind, perhaps to one component, perhaps about one key.
  On(Call of, std::string with_name = {}, std::string with_key = {})
      : call(of), name(std::move(with_name)), key(std::move(with_key)) {}
  /// Every call to one store, broker, application and so on.
  static On component(std::string name) {
    On on;
    on.name = std::move(name);
    return on;
  }

  std::optional<Call> call;  ///< Which kind of call.
  std::string name;  ///< Of the store, broker, binding, provider or application.
  std::string key;   ///< Of the state, secret, lock or item; or the topic, method or operation. A
                     ///< call with many keys fits when one of them does.
};

/// A script that holds for every call that fits, not for a number of them.
inline constexpr int always = -1;

/// One call as the fake saw it, in the order of their beginnings.
struct CallRecord {
  Call call;  ///< Which kind of call.
  std::string name;  ///< See On.
  std::string key;   ///< The first one of a call with many.
  Metadata metadata;  ///< What CallOptions added.
  std::shared_ptr<const TraceContext> trace;  ///< Of the options or of the task; null without one.
  std::chrono::milliseconds timeout;          ///< The limit that held for this call.
  std::optional<Code> code;                   ///< How it ended; empty while it is under way.
};

namespace detail {
struct HoldState;
}

/// Keeps calls waiting until it is released or destroyed. Any thread.
class [[nodiscard]] Hold {
 public:
  /// Made by Fake::hold.
  explicit Hold(std::shared_ptr<detail::HoldState> state) : state_(std::move(state)) {}
  /// The other one holds nothing any more.
  Hold(Hold&&) noexcept = default;
  Hold& operator=(Hold&& other) noexcept;  ///< Releases what this one holds.
  ~Hold();

  /// Waits, in real time, until a call is held; false when none came within the limit.
  bool reached(std::chrono::milliseconds limit = std::chrono::seconds(10)) const;
  /// Lets the calls go on; later calls are not held.
  void release();
  /// Ends the calls with an error instead.
  void fail(Error error);

 private:
  std::shared_ptr<detail::HoldState> state_;
};

}  // namespace mecha::testing
