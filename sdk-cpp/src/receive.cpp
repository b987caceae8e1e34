// A subscription of a client with a handler: one message after the other.

#include <atomic>
#include <optional>
#include <utility>

#include "mecha/pubsub.h"
#include "src/dispatcher.h"

namespace mecha::detail {
namespace {

// Ends the wait for the next message when somebody asks to stop; a message under way is not cut off.
class Pause {
 public:
  Pause(TopicStream& stream, const std::stop_token& stop)
      : stop_(stop), ends_(stop, End{this, &stream}) {}

  /// False when there is nothing to wait for.
  bool begin() noexcept {
    waiting_ = true;
    return !stop_.stop_requested();
  }
  void end() noexcept { waiting_ = false; }
  bool stopped() const noexcept { return stop_.stop_requested(); }

 private:
  struct End {
    Pause* pause;
    TopicStream* stream;
    void operator()() const noexcept {
      if (pause->waiting_) stream->cancel();
    }
  };

  std::stop_token stop_;
  std::atomic<bool> waiting_{false};
  std::stop_callback<End> ends_;
};

// What a message is worth to its handler, which acts in the trace of the message.
Task<Verdict> judge(const Handler<TopicEvent, Verdict>& handler, TopicEvent event) {
  const TaskContext* outer = co_await current_context();
  TaskContext context = outer == nullptr ? TaskContext() : *outer;
  if (auto trace = wire::trace_of(event.metadata)) context.trace = std::move(trace);
  co_await SetContext{&context};
  Answer<Verdict> answer;
  if (handler.plain) {
    const AmbientScope scope(&context);  // such a handler does not suspend
    answer = co_await handler.call(std::move(event));
  } else {
    answer = co_await handler.call(std::move(event));
  }
  if (answer.unreadable != 0) co_return Verdict::drop;
  co_return answer.result.has_value() ? *answer.result : Verdict::retry;
}

// What becomes of the subscription after a read; empty: it goes on with the message.
std::optional<Result<void>> end_of(
    const Pause& pause, Result<std::optional<TopicEvent>>& event
) {
  if (!event && pause.stopped()) return Result<void>();
  if (!event) return Result<void>(std::move(event).error());
  if (!*event) return Result<void>(fail(Code::unavailable, "the sidecar ended the stream"));
  return std::nullopt;
}

struct Subscription {
  std::unique_ptr<TopicStream> stream;
  Handler<TopicEvent, Verdict> handler;
  std::stop_token stop;
};

Task<Result<void>> run_on(Subscription of) {
  Pause pause(*of.stream, of.stop);
  while (pause.begin()) {
    auto event = co_await of.stream->next();
    pause.end();
    if (auto ended = end_of(pause, event)) co_return std::move(*ended);
    auto id = (*event)->id;
    const auto verdict = co_await judge(of.handler, std::move(**event));
    auto told = co_await of.stream->answer(std::move(id), verdict);
    // Who stopped in between loses the answer alone: the message comes again.
    if (!told && !pause.stopped()) co_return told;
  }
  co_return Result<void>();
}

// The same for a thread that waits: it runs the handler itself, which may block then.
Result<void> run_here(const Subscription& of, const TaskContext& context) {
  Pause pause(*of.stream, of.stop);
  while (pause.begin()) {
    auto event = sync_wait(of.stream->next(), context);
    pause.end();
    if (auto ended = end_of(pause, event)) return std::move(*ended);
    auto id = (*event)->id;
    const auto verdict = sync_wait(judge(of.handler, std::move(**event)), context);
    auto told = sync_wait(of.stream->answer(std::move(id), verdict), context);
    if (!told && !pause.stopped()) return told;
  }
  return {};
}

class Receive final : public ValueOperation<Result<void>> {
 public:
  explicit Receive(Subscription of) : of_(std::move(of)) {}

  std::coroutine_handle<> start() noexcept override {
    inner_.emplace(run_on(std::move(of_)));
    auto& operation = *TaskAccess::operation(*inner_);
    operation.context = context;
    operation.waiter = {[](void* self) noexcept { static_cast<Receive*>(self)->end(); }, this};
    return operation.start();
  }
  bool run_here() noexcept override {
    try {
      put(detail::run_here(of_, context == nullptr ? TaskContext() : *context));
    } catch (...) {
      put_exception();
    }
    return true;
  }
  void drop() noexcept override { delete this; }

 private:
  void end() noexcept {
    try {
      put(TaskAccess::take(*inner_));
    } catch (...) {
      put_exception();
    }
    waiter.next().resume();
  }

  Subscription of_;
  std::optional<Task<Result<void>>> inner_;
};

}  // namespace

Task<Result<void>> receive(
    std::unique_ptr<TopicStream> stream, Handler<TopicEvent, Verdict> handler, std::stop_token stop
) {
  return TaskAccess::make<Result<void>>(
      new Receive({std::move(stream), std::move(handler), std::move(stop)})
  );
}

}  // namespace mecha::detail
