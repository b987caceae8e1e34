// One call with one request and one answer, as an operation of a task. One allocation holds all of
// it, small messages included.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <google/protobuf/arena.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/support/client_callback.h>

#include "mecha/task.h"
#include "src/checked.h"
#include "src/core.h"
#include "src/sendable.h"
#include "src/threads.h"

namespace mecha::wire {

/// Cancels a call when somebody asks to stop.
class StopWatch {
 public:
  /// False when the stop was asked for already.
  bool watch(grpc::ClientContext& call, const std::stop_token& own, const TaskContext* task) {
    if (own.stop_requested() || (task != nullptr && task->stop.stop_requested())) return false;
    if (own.stop_possible()) own_.emplace(own, Cancel{&call});
    if (task != nullptr && task->stop.stop_possible()) task_.emplace(task->stop, Cancel{&call});
    return true;
  }
  void end() noexcept {
    own_.reset();
    task_.reset();
  }

 private:
  struct Cancel {
    grpc::ClientContext* call;
    void operator()() const noexcept { call->TryCancel(); }
  };
  std::optional<std::stop_callback<Cancel>> own_, task_;
};

inline Error stopped() { return fail(Code::cancelled, "the caller asked to stop"); }

/// A unary method and the types of its messages.
template <class Request, class Response>
struct Method {
  Rpc rpc;
};

/// Threads: started on one, finished on one of gRPC; `state_` decides who frees it when the owner
/// lets go in between.
template <class Request, class Response, class Value>
class Unary final : public detail::Work<Result<Value>> {
  using Arena = google::protobuf::Arena;

  // What both messages take, texts but not their letters; an arena that needs more gets more.
  alignas(std::max_align_t) std::byte room_[768];
  Arena arena_{reinterpret_cast<char*>(room_), sizeof room_};

 public:
  using Convert = Result<Value> (*)(Response& answer, const grpc::ClientContext& call);

  Unary(
      std::shared_ptr<const Core> core,
      Method<Request, Response> method,
      Convert convert,
      CallOptions options
  )
      : core_(std::move(core)), method_(method), convert_(convert), options_(std::move(options)) {}

  Request& request = *Arena::CreateMessage<Request>(&arena_);

  std::coroutine_handle<> start() noexcept override {
    return begin() ? this->later() : this->waiter.next();
  }

  bool run_here() noexcept override {
    if (!begin()) return true;
    settle(grpc::internal::BlockingUnaryCall<
           Request,
           CheckedAt<Response>,
           google::protobuf::MessageLite,
           CheckedAt<Response>>(
        core_->channel.get(), core_->method(method_.rpc), &call_, request, &answer_
    ));
    return true;
  }

  void drop() noexcept override {
    if (state_.load(std::memory_order_acquire) == State::running) {
      call_.TryCancel();
      if (state_.exchange(State::dropped, std::memory_order_acq_rel) != State::done) return;
    }
    delete this;
  }

 private:
  enum class State { idle, running, done, dropped };

  bool begin() {
    auto problem = core_->prepare(call_, options_, this->context);
    if (!problem) problem = text_problem(request);
    if (problem) {
      this->put(std::move(*problem));
      return false;
    }
    if (stop_.watch(call_, options_.stop, this->context)) return true;
    this->put(stopped());
    return false;
  }

  void go() noexcept override {
    keep_callback_threads();
    state_.store(State::running, std::memory_order_relaxed);
    handed_over(this);
    grpc::internal::CallbackUnaryCall<
        Request,
        CheckedAt<Response>,
        google::protobuf::MessageLite,
        CheckedAt<Response>>(
        core_->channel.get(),
        core_->method(method_.rpc),
        &call_,
        &request,
        &answer_,
        [this](const grpc::Status& status) { end(status); }
    );
  }

  void settle(const grpc::Status& status) {
    stop_.end();
    if (!status.ok()) {
      this->put(to_error(status));
    } else if (!answer_.whole) {
      this->put(unreadable());
    } else {
      this->put(convert_(*answer_.message, call_));
    }
  }

  void end(const grpc::Status& status) {
    taken_over(this);
    settle(status);
    if (state_.exchange(State::done, std::memory_order_acq_rel) == State::dropped) {
      delete this;
    } else {
      this->tell();
    }
  }

  std::shared_ptr<const Core> core_;
  Method<Request, Response> method_;
  Convert convert_;
  CallOptions options_;
  grpc::ClientContext call_;
  CheckedAt<Response> answer_{Arena::CreateMessage<Response>(&arena_)};
  StopWatch stop_;
  std::atomic<State> state_{State::idle};
};

/// Makes an operation whose request is still to be filled, and the task around it.
template <class Value, class Request, class Response>
auto make_unary(
    std::shared_ptr<const Core> core,
    Method<Request, Response> method,
    typename Unary<Request, Response, Value>::Convert convert,
    CallOptions&& options
) {
  return new Unary<Request, Response, Value>(std::move(core), method, convert, std::move(options));
}

/// The answer that says nothing but "done".
template <class Response>
Result<void> nothing(Response&, const grpc::ClientContext&) {
  return {};
}

// A method by its name in the service.
#define MECHA_METHOD(Name, Request, Response) \
  Method<Request, Response> { Rpc::Name }

}  // namespace mecha::wire
