// The subscriptions that the application opens itself.

#include "src/streams.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <utility>
#include <vector>

#include "src/timer.h"

namespace mecha::wire {

using namespace std::chrono_literals;

struct Streams::Shared {
  Shared(std::shared_ptr<Dispatcher> its_dispatcher, std::shared_ptr<Api> its_api)
      : dispatcher(std::move(its_dispatcher)), api(std::move(its_api)) {}

  const std::shared_ptr<Dispatcher> dispatcher;
  const std::shared_ptr<Api> api;
  std::stop_source streams;  // of the readers

  std::mutex mutex;
  std::condition_variable changed;
  std::size_t readers = 0;
  // Of the messages under way, one each: what one handler does when it is told holds up no other.
  using Messages = std::list<std::stop_source>;
  Messages messages;

  void begin_reader() {
    const std::lock_guard lock(mutex);
    ++readers;
  }
  void end_reader() noexcept {
    const std::lock_guard lock(mutex);
    --readers;
    changed.notify_all();
  }
  Messages::iterator begin_message() {
    const std::lock_guard lock(mutex);
    return messages.emplace(messages.end());
  }
  void end_message(Messages::iterator message) noexcept {
    const std::lock_guard lock(mutex);
    messages.erase(message);
    changed.notify_all();
  }
};

// One stream that is open. Who has read a message from it keeps it until that is answered.
struct Streams::Line {
  Line(std::unique_ptr<TopicStream> its_stream, const StreamEntry* its_entry)
      : stream(std::move(its_stream)), entry(its_entry) {}

  std::unique_ptr<TopicStream> stream;
  const StreamEntry* entry;  // of the registry, which the dispatcher holds
  // One answer at a time.
  std::shared_ptr<Limiter> writing = std::make_shared<Limiter>(Limit{1, 0});
};

Streams::Streams(std::shared_ptr<Dispatcher> dispatcher, std::shared_ptr<Api> api)
    : shared_(std::make_shared<Shared>(std::move(dispatcher), std::move(api))) {
  for (const auto& entry : shared_->dispatcher->registry.streams()) {
    shared_->begin_reader();
    TaskContext context;
    context.executor = &shared_->dispatcher->executor();
    context.stop = shared_->streams.get_token();
    then_call(
        read_on(shared_, &entry),
        [shared = shared_] { shared->end_reader(); },
        std::move(context)
    );
  }
}

// Reads, and opens anew what broke: soon at first, less and less often while it fails.
Task<void> Streams::read_on(std::shared_ptr<Shared> shared, const StreamEntry* entry) {
  auto pause = 100ms;
  while (!shared->dispatcher->closed()) {
    CallOptions options;
    options.stop = shared->streams.get_token();
    auto line =
        std::make_shared<Line>(shared->api->subscribe(entry->request, std::move(options)), entry);
    const auto began = std::chrono::steady_clock::now();
    auto why = co_await read(shared, std::move(line));
    if (shared->dispatcher->closed()) break;
    if (std::chrono::steady_clock::now() - began > 10s) pause = 100ms;
    shared->dispatcher->log(
        "stream of topic " + entry->request.topic + " of " + entry->request.pubsub +
        " ended and is opened again in " + std::to_string(pause.count()) + " ms: " + why.to_string()
    );
    if (auto slept = co_await sleep_for(pause); !slept) break;
    pause = std::min(2 * pause, std::chrono::milliseconds(10s));
  }
}

// Reads until the end, and gives the reason of it. A message waits here for its turn, and with it
// all that come after it.
Task<Error> Streams::read(std::shared_ptr<Shared> shared, std::shared_ptr<Line> line) {
  for (;;) {
    auto event = co_await line->stream->next();
    if (!event) co_return std::move(event).error();
    if (!*event) co_return fail(Code::unavailable, "the sidecar ended it");
    auto turns = co_await shared->dispatcher->enter_patiently(line->entry->handler);
    // Without an answer it is delivered again, to this application or to another.
    if (!turns) co_return std::move(turns).error();
    const auto message = shared->begin_message();
    TaskContext context;
    context.stop = message->get_token();
    context.executor = &shared->dispatcher->executor();
    then_call(
        handle(shared, line, std::move(**event), std::move(*turns)),
        [shared, message] { shared->end_message(message); },
        std::move(context)
    );
  }
}

Task<void> Streams::handle(
    std::shared_ptr<Shared> shared, std::shared_ptr<Line> line, TopicEvent event, Turns turns
) {
  auto id = event.id;
  const auto verdict = co_await shared->dispatcher->run_message(
      line->entry->handler, std::move(event), std::move(turns)
  );
  auto mine = co_await line->writing->enter(true);
  // Where the stream broke meanwhile, the message comes again.
  if (mine) (void)co_await line->stream->answer(std::move(id), verdict);
}

std::size_t Streams::stop(std::chrono::steady_clock::time_point limit) {
  std::unique_lock lock(shared_->mutex);
  shared_->changed.wait_until(lock, limit, [this] { return shared_->messages.empty(); });
  const std::vector left(shared_->messages.begin(), shared_->messages.end());
  lock.unlock();
  Pool stops(8);  // what handlers do then must not hold up who stops, nor each other
  for (const auto& message : left) ask_to_stop(stops, message);
  stops.close();
  shared_->streams.request_stop();
  lock.lock();
  shared_->changed.wait_for(lock, 2s, [this] { return shared_->readers == 0; });
  lock.unlock();
  stops.wait_until(std::chrono::steady_clock::now() + 1s);
  return left.size();
}

}  // namespace mecha::wire
