// What all handles of one fake share: the clock, the scripts, the records, and what the components
// hold.
#pragma once

#include <condition_variable>
#include <deque>
#include <list>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "mecha/testing/fake.h"
#include "testing/slot.h"

namespace mecha::testing::detail {

using Time = std::chrono::system_clock::time_point;
template <class T>
using ByName = std::map<std::string, T, std::less<>>;

/// Which call this is, for scripts and records.
struct Site {
  Call call;
  std::string name;
  std::vector<std::string> keys;
};
bool fits(const On& on, Call call, const std::string& name, const std::vector<std::string>& keys);

/// What a hold keeps. Guarded by its own mutex, which is taken before that of the hub.
struct HoldState {
  std::mutex mutex;
  std::condition_variable changed;
  On on;
  bool open = false;  ///< Released: nothing is held any more.
  std::size_t held = 0;
  struct Waiting {
    std::shared_ptr<Slot<Result<void>>> slot;
    Time deadline;
  };
  std::vector<Waiting> waiting;

  void end(const Result<void>& with);
  void expire(Time now);
};

struct Rule {
  enum class Kind { fail, lose, delay };
  Kind kind;
  On on;
  int left;
  Error error = {};
  std::chrono::milliseconds by{0};
};

struct StateEntry {
  std::string data;
  std::string etag;
  Time expires = Time::max();
};

struct LockEntry {
  std::string owner;
  Time expires;
};

/// A message on its way to the application.
struct Message {
  TopicEvent event;
  int attempt = 1;
  Time expires = Time::max();
};

struct Topic;
struct Watch;

/// What may happen to a call before its effect and after it.
struct Admission {
  std::size_t record = 0;
  std::optional<Error> failure;  ///< No effect.
  std::optional<Error> lost;     ///< The effect, then this.
  std::shared_ptr<Slot<Result<void>>> held;
};

/// `mutex` guards every member below it. No code of the user and no waiter runs while it is held.
struct Hub : std::enable_shared_from_this<Hub> {
  explicit Hub(FakeOptions with) : options(std::move(with)), now(options.now) {}

  const FakeOptions options;
  mutable std::mutex mutex;
  mutable std::condition_variable changed;  ///< When messages or their answers came.
  Time now;
  std::list<Rule> rules;
  std::vector<std::shared_ptr<HoldState>> holds;
  std::vector<CallRecord> calls;
  std::uint64_t ids = 0;
  bool down = false;

  std::vector<ComponentInfo> components;
  std::vector<std::string> features;
  Metadata extended;

  ByName<ByName<StateEntry>> states;
  ByName<QueryHandler> queries;
  std::vector<Published> published;
  std::vector<Delivered> delivered;
  std::vector<std::shared_ptr<Topic>> topics;
  std::shared_ptr<CallbackApi> application;
  RuleHandler rule_holds;  ///< Whether a routing rule holds.
  std::vector<Message> left_over;  ///< Of subscriptions that ended.
  std::map<std::pair<std::string, std::string>, InvokeHandler> methods;
  std::map<std::pair<std::string, std::string>, BindingHandler> operations;
  std::vector<BindingRequest> bound;
  ByName<Secrets> secrets;
  std::set<std::pair<std::string, std::string>> denied;
  ByName<ConfigurationItems> items;
  std::vector<std::shared_ptr<Watch>> watches;
  std::map<std::pair<std::string, std::string>, LockEntry> locks;
  ByName<std::set<std::string, std::less<>>> keys;

  /// Records a call and finds what is scripted for it. Takes the lock.
  Admission admit(const Site& site, const CallOptions& options, const TaskContext* task);
  void ended(std::size_t record, Code code);
  void time_moved();
  void advance(std::chrono::milliseconds by);

  // Under the lock.
  std::string next_id();
  /// Moves the clock; messages whose time is over go. Calls that are held learn of it by
  /// `time_moved`, without the lock.
  void move(std::chrono::milliseconds by);
  /// Whether a component of this kind, the part of its type before the dot, is known by this name.
  enum class Known { yes, no, none };
  Known known(std::string_view kind, std::string_view name) const;

 private:
  std::optional<Admission> scripted(const Site& site, std::chrono::milliseconds limit);
  std::shared_ptr<Slot<Result<void>>> held_by(const Site& site, Time deadline);
};

/// What of a trace arrives; null when nothing does.
std::shared_ptr<const TraceContext> as_sent(std::shared_ptr<const TraceContext> trace);

inline Error stopped() { return mecha::fail(Code::cancelled, "the caller asked to stop"); }
inline Error ended_by_caller() { return mecha::fail(Code::cancelled, "CANCELLED"); }
inline Error too_late() { return mecha::fail(Code::deadline_exceeded, "Deadline Exceeded"); }

/// An error with what a sidecar attaches.
struct Details {
  std::string reason;
  std::string resource_type = {};
  std::string resource_name = {};
  Metadata metadata = {};
};
Error detailed(Code code, std::string message, Details details);

/// A call: admitted, then `work`, which gives a Result<T> or a task of one. Any part of it may be
/// on another thread than the part before.
template <class T, class F>
Task<Result<T>> run(std::shared_ptr<Hub> hub, Site site, CallOptions options, F work) {
  const TaskContext* task = co_await current_context();
  Admission admission = hub->admit(site, options, task);
  if (admission.held) {
    auto released = co_await admission.held->wait(options.stop, Result<void>(stopped()));
    if (!released) admission.failure = std::move(released).error();
  }
  Result<T> result = admission.failure ? Result<T>(*admission.failure) : Result<T>();
  if (!admission.failure) {
    if constexpr (std::is_same_v<std::invoke_result_t<F&, Hub&>, Result<T>>) {
      result = work(*hub);
    } else {
      auto later = work(*hub);
      result = co_await std::move(later);
    }
  }
  if (admission.lost) result = *admission.lost;
  hub->ended(admission.record, result.has_value() ? Code::ok : result.error().code);
  co_return result;
}

}  // namespace mecha::testing::detail
