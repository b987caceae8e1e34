// One call of a sidecar, as two objects: the reactor, which ends with the answer, and the slot,
// which the task of the handler keeps. A handler that hangs thus holds up nothing but itself.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "mecha/task.h"
#include "src/pool.h"
#include "src/threads.h"

namespace mecha::wire {

grpc::Status to_status(const Error& error);

/// The call as the host sees it.
class OpenCall {
 public:
  OpenCall() = default;
  OpenCall(const OpenCall&) = delete;
  OpenCall& operator=(const OpenCall&) = delete;
  virtual ~OpenCall() = default;
  /// Answers, unless it has been answered.
  virtual void end(const grpc::Status& status) = 0;
  std::stop_source stop;
};

/// The calls that are not answered. Threads: any.
class OpenCalls {
 public:
  void add(const std::shared_ptr<OpenCall>& call) {
    const std::lock_guard lock(mutex_);
    calls_.insert(call);
  }
  void remove(const std::shared_ptr<OpenCall>& call) noexcept {
    const std::lock_guard lock(mutex_);
    if (calls_.erase(call) != 0 && calls_.empty()) empty_.notify_all();
  }
  /// Waits for the end of all, and gives those that are left at `limit`.
  std::vector<std::shared_ptr<OpenCall>> wait_until(std::chrono::steady_clock::time_point limit) {
    std::unique_lock lock(mutex_);
    empty_.wait_until(lock, limit, [this] { return calls_.empty(); });
    return {calls_.begin(), calls_.end()};
  }
  /// Asks a handler to stop, on a thread of this: what it does then has no place on the threads of
  /// gRPC, nor on the one that stops the service.
  void stop(const std::stop_source& handler) { ask_to_stop(stops_, handler); }
  /// No call comes any more; waits until nothing runs on those threads.
  void close(std::chrono::steady_clock::time_point limit) noexcept {
    stops_.close();
    stops_.wait_until(limit);
  }

 private:
  // Several, so that one handler that takes its time when it is told does not hold up the others.
  Pool stops_{8};
  std::mutex mutex_;
  std::condition_variable empty_;
  std::set<std::shared_ptr<OpenCall>> calls_;
};

template <class Response>
class Slot final : public OpenCall, public std::enable_shared_from_this<Slot<Response>> {
 public:
  class Reactor final : public grpc::ServerUnaryReactor {
   public:
    explicit Reactor(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}

   private:
    void OnCancel() override {
      taken_over(this);
      slot_->calls_->stop(slot_->stop);
    }
    void OnDone() override {
      taken_over(this);
      delete this;
    }
    std::shared_ptr<Slot> slot_;
  };

  Slot(std::shared_ptr<OpenCalls> calls, Response* response)
      : calls_(std::move(calls)), response_(response) {}

  grpc::ServerUnaryReactor* begin() {
    auto* reactor = new Reactor(this->shared_from_this());
    reactor_ = reactor;
    handed_over(reactor);
    calls_->add(this->shared_from_this());
    return reactor;
  }

  void end(const grpc::Status& status) override {
    answer([&](Response&) { return status; });
  }

  /// `fill(response)` gives the status; it runs when the call still waits, and the context of the
  /// call is there as long as it runs.
  template <class Fill>
  void answer(Fill fill) {
    Reactor* reactor = nullptr;
    grpc::Status status;
    {
      const std::lock_guard lock(mutex_);
      reactor = std::exchange(reactor_, nullptr);
      if (reactor == nullptr) return;
      status = fill(*response_);
    }
    handed_over(reactor);
    reactor->Finish(std::move(status));
    calls_->remove(this->shared_from_this());
  }

 private:
  std::shared_ptr<OpenCalls> calls_;
  std::mutex mutex_;
  Reactor* reactor_ = nullptr;  // until the answer
  Response* response_;          // as long as there is a reactor
};

}  // namespace mecha::wire
