// Where the coroutines of HTTP/2 streams wait. No timer and no allocation per wait: the handler of the suspended
// coroutine lies in the WaitPoint itself. Woken only from ReadyList::run, never from inside nghttp2.

#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/post.hpp>

#include "runtime/async/async.hpp"
#include "runtime/base/check.hpp"

namespace mecha::net {

class Wakeable;

// What is to be woken at the end of this turn. An entry that goes away takes itself off.
class ReadyList {
 public:
  bool empty() const { return entries_.empty(); }
  // Fires all, also those that are added meanwhile.
  void run();

 private:
  friend class Wakeable;
  std::vector<Wakeable*> entries_;
};

class Wakeable {
 public:
  explicit Wakeable(ReadyList& list) : list_(list) {}
  Wakeable(const Wakeable&) = delete;
  Wakeable& operator=(const Wakeable&) = delete;
  void make_ready() {
    if (queued_) return;
    queued_ = true;
    index_ = list_.entries_.size();
    list_.entries_.push_back(this);
  }

 protected:
  virtual ~Wakeable() {
    if (queued_) list_.entries_[index_] = nullptr;
  }
  virtual void fire() = 0;

 private:
  friend class ReadyList;
  ReadyList& list_;
  std::size_t index_ = 0;
  bool queued_ = false;
};

inline void ReadyList::run() {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Wakeable* const entry = entries_[i];
    if (entry == nullptr) continue;
    entry->queued_ = false;
    entry->fire();
  }
  entries_.clear();
}

// One coroutine waits here at a time.
class WaitPoint final : public Wakeable {
 public:
  using Wakeable::Wakeable;
  ~WaitPoint() override = default;

  bool waiting() const { return handler_.has_value(); }
  void wake() {
    if (handler_) make_ready();
  }

  // Ends with true when woken, with false when the coroutine was cancelled.
  asio::awaitable<bool> wait() {
    return asio::async_initiate<const asio::use_awaitable_t<>, void(bool)>(
        [this](Handler handler) {
          MECHA_CHECK(!handler_);
          auto slot = asio::get_associated_cancellation_slot(handler);
          handler_.emplace(std::move(handler));
          if (!slot.is_connected()) return;
          slot.assign([this](asio::cancellation_type) {
            if (!handler_) return;
            Handler cancelled = std::move(*handler_);
            handler_.reset();
            asio::post(asio::append(std::move(cancelled), false));
          });
        },
        asio::use_awaitable
    );
  }

 private:
  using Handler = asio::async_result<asio::use_awaitable_t<>, void(bool)>::handler_type;

  void fire() override {
    if (!handler_) return;
    Handler handler = std::move(*handler_);
    handler_.reset();
    std::move(handler)(true);
  }

  std::optional<Handler> handler_;
};

// A hook that runs at most once.
class HookPoint final : public Wakeable {
 public:
  using Wakeable::Wakeable;
  ~HookPoint() override = default;

  void set(std::function<void()> hook) { hook_ = std::move(hook); }
  bool is_set() const { return static_cast<bool>(hook_); }

 private:
  void fire() override {
    auto hook = std::exchange(hook_, nullptr);
    if (hook) hook();
  }

  std::function<void()> hook_;
};

}  // namespace mecha::net
