#include "components/pubsub/redis_stream.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "components/pubsub/metadata_text.hpp"
#include "runtime/async/within.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;
using redis::Command;
using redis::Reply;

constexpr auto kReconnectFirst = 100ms;
constexpr auto kReconnectMost = 5000ms;
constexpr auto kFollow = 10ms;  // before going where a cluster's server sends
constexpr auto kFirstLook = 500ms;
constexpr auto kEndReading = 1s;

// True while it lives.
class Mark {
 public:
  explicit Mark(bool& flag) : flag_(flag) { flag_ = true; }
  ~Mark() { flag_ = false; }
  Mark(const Mark&) = delete;
  Mark& operator=(const Mark&) = delete;

 private:
  bool& flag_;
};

Message read_message(const std::string& stream, const Reply& fields) {
  Message message;
  message.topic = stream;
  for (std::size_t i = 0; i + 1 < fields.items.size(); i += 2) {
    const auto& name = fields.items[i].text;
    if (name == "data") message.data = fields.items[i + 1].text;
    if (name == "metadata") message.metadata = read_metadata(fields.items[i + 1].text);
  }
  return message;
}

bool starts_with(const Error& error, std::string_view word) { return error.message.starts_with(word); }

}  // namespace

StreamSubscription::StreamSubscription(
    Executor executor, redis::Client& client, Slots& slots, const StreamOptions& options, Log log, std::string stream,
    Handler handler
)
    : executor_(executor),
      client_(client),
      slots_(slots),
      options_(options),
      log_(std::move(log)),
      stream_(std::move(stream)),
      handler_(std::move(handler)),
      gate_(executor),
      lanes_(executor, options.concurrency) {}

// From the beginning of the stream: a new group receives its whole history.
Async<void> StreamSubscription::make_group() {
  auto made = co_await client_.call(Command("XGROUP", "CREATE", stream_, options_.consumer, "0", "MKSTREAM"));
  if (!made && !starts_with(made.error(), "BUSYGROUP")) co_return fail(std::move(made).error());
  co_return Result<void>{};
}

Async<void> StreamSubscription::start() {
  MECHA_CO_TRY_VOID(co_await make_group());
  spawn(gate_, executor_, read_loop());
  co_return Result<void>{};
}

// A user who may not ask for the number can read all the same.
Async<std::unique_ptr<redis::Session>> StreamSubscription::dial() {
  connection_ = 0;
  MECHA_CO_TRY(auto session, co_await client_.dedicated_to(stream_, std::exchange(refused_, {})));
  server_ = session->server();
  const auto number = co_await session->call(Command("CLIENT", "ID"), 5s);
  if (number) connection_ = number->integer;
  if (!session->open()) co_return fail(number.error());
  co_return session;
}

asio::awaitable<void> StreamSubscription::read_loop() {
  // What lies there from before comes first, so that keys keep their order over a restart.
  if (options_.processing_timeout > 0ms && options_.redeliver_interval > 0ms) {
    (void)co_await redeliver();
    spawn(gate_, executor_, redeliver_loop());
  }
  std::chrono::milliseconds pause = kReconnectFirst;
  std::unique_ptr<redis::Session> session;
  while (!stopping_) {
    Result<void> done;
    if (session == nullptr || !session->open()) {
      auto dialled = co_await dial();
      if (dialled) session = *std::move(dialled);
      else done = fail(std::move(dialled).error());
    }
    if (done) done = co_await read_some(*session);
    if (done) {
      pause = kReconnectFirst;
      continue;
    }
    if (stopping_) co_return;
    if (starts_with(done.error(), "NOGROUP")) {
      done = co_await make_group();
      if (done) continue;
    }
    const bool moved = redis::Client::is_redirect(done.error());
    if (redis::is_server_error(done.error())) {
      refused_ = done.error().message;
      session.reset();
    }
    if (moved) {
      if (!co_await sleep_for(kFollow)) co_return;
      continue;
    }
    log_.warn("reading from the stream failed", {{"stream", stream_}, {"error", done.error().message}});
    if (!co_await sleep_for(pause)) co_return;
    pause = std::min(pause * 2, std::chrono::milliseconds(kReconnectMost));
  }
}

Async<void> StreamSubscription::read_some(redis::Session& session) {
  co_await lanes_.below(options_.queue_depth);
  if (stopping_) co_return Result<void>{};
  const auto room = options_.queue_depth - std::min(lanes_.pending(), options_.queue_depth - 1);
  Command command("XREADGROUP", "GROUP", options_.consumer, options_.consumer, "COUNT");
  command.add(static_cast<std::int64_t>(room)).add("BLOCK").add(static_cast<std::int64_t>(options_.block.count()));
  command.add("STREAMS").add(stream_).add(">");
  const Mark mark(reading_);
  auto reply = co_await session.call(std::move(command), options_.block + 5s);
  if (!reply) co_return fail(std::move(reply).error());
  for (const auto& stream : reply->items) {  // [[name, [[id, [field, value, ..]], ..]]], nil when nothing came
    if (stream.items.size() == 2) take(stream.items[1].items);
  }
  co_return Result<void>{};
}

void StreamSubscription::take(const std::vector<Reply>& entries) {
  for (const auto& item : entries) {
    if (item.items.size() != 2 || !item.items[1].is_array()) continue;  // deleted meanwhile
    auto entry = std::make_shared<Entry>();
    entry->id = item.items[0].text;
    entry->message = read_message(stream_, item.items[1]);
    waiting_.insert(entry->id);
    if (stopping_) continue;  // to be given back
    lanes_.push(key_of(entry->message.metadata), [this, entry]() { return handle(entry); });
  }
}

asio::awaitable<void> StreamSubscription::handle(std::shared_ptr<Entry> entry) {
  const auto slot = co_await slots_.acquire();
  if (!slot || stopping_) co_return;
  const auto& id = entry->id;
  waiting_.erase(waiting_.find(id));
  working_.insert(id);
  const auto begun = std::chrono::steady_clock::now();
  const auto verdict = co_await handler_(std::move(entry->message));
  if (verdict == Verdict::abandoned) co_return;  // stays among the working ones, to be given back
  working_.erase(working_.find(id));
  const auto limit = options_.processing_timeout;
  const bool too_long = limit > 0ms && std::chrono::steady_clock::now() - begun > limit;
  if (verdict == Verdict::failed && too_long) co_return;
  const auto acknowledged = co_await client_.call(Command("XACK", stream_, options_.consumer, id));
  if (!acknowledged) {
    log_.warn("acknowledging failed", {{"stream", stream_}, {"id", id}, {"error", acknowledged.error().message}});
  }
}

// The first looks come sooner: who read here before may give back what it had not begun only after this one has started.
asio::awaitable<void> StreamSubscription::redeliver_loop() {
  auto pause = std::min<std::chrono::milliseconds>(kFirstLook, options_.redeliver_interval);
  while (co_await sleep_for(pause)) {
    pause = std::min(pause * 2, options_.redeliver_interval);
    auto done = co_await redeliver();
    if (!done && !stopping_) {
      log_.warn("redelivery failed", {{"stream", stream_}, {"error", done.error().message}});
    }
  }
}

// Takes over what lies unacknowledged for longer than the processing timeout, whoever read it.
Async<void> StreamSubscription::redeliver() {
  Command list("XPENDING", stream_, options_.consumer, "-", "+");
  list.add(static_cast<std::int64_t>(options_.queue_depth));
  auto pending = co_await client_.call(std::move(list));
  if (!pending) co_return fail(std::move(pending).error());
  std::vector<std::string> ids;
  for (const auto& item : pending->items) {  // [id, consumer, idle, deliveries]
    if (item.items.size() < 3 || item.items[2].integer < options_.processing_timeout.count()) continue;
    if (!waiting_.contains(item.items[0].text)) ids.push_back(item.items[0].text);  // ours, just not begun
  }
  if (ids.empty() || stopping_) co_return Result<void>{};
  Command claim("XCLAIM", stream_, options_.consumer, options_.consumer);
  claim.add(static_cast<std::int64_t>(options_.processing_timeout.count()));
  for (const auto& id : ids) claim.add(id);
  auto mark = std::make_optional<Mark>(claiming_);
  auto claimed = co_await client_.call(std::move(claim));
  mark.reset();
  if (!claimed) co_return fail(std::move(claimed).error());
  take(claimed->items);
  for (const auto& item : claimed->items) {
    if (item.items.size() == 2 && item.items[1].is_array()) std::erase(ids, item.items[0].text);
  }
  co_return co_await acknowledge_deleted(std::move(ids));
}

// Entries that were not handed out may have been taken by another, or be gone from the stream: the latter are done.
Async<void> StreamSubscription::acknowledge_deleted(std::vector<std::string> ids) {
  for (const auto& id : ids) {
    auto range = co_await client_.call(Command("XRANGE", stream_, id, id));
    if (!range) co_return fail(std::move(range).error());
    if (!range->items.empty()) continue;
    auto done = co_await client_.call(Command("XACK", stream_, options_.consumer, id));
    if (!done) co_return fail(std::move(done).error());
  }
  co_return Result<void>{};
}

asio::awaitable<void> StreamSubscription::stop(std::chrono::steady_clock::duration grace) {
  stopping_ = true;
  co_await end_reading();
  gate_.cancel();
  lanes_.drop_waiting();
  co_await lanes_.close(grace);
  co_await gate_.close(0s);
  co_await give_back();
}

// What the server hands out is this consumer's, also when nobody waits for the reply: so replies that are under way are
// waited for. A read that waits for entries is ended by the server; again, as it may not have arrived there yet.
asio::awaitable<void> StreamSubscription::end_reading() {
  const auto end = std::chrono::steady_clock::now() + kEndReading;
  while (((reading_ && connection_ != 0) || claiming_) && std::chrono::steady_clock::now() < end) {
    if (reading_ && connection_ != 0) {
      const auto ended = co_await within(kEndReading, client_.call_at(server_, Command("CLIENT", "UNBLOCK", std::to_string(connection_))));
      if (!ended && ended.error().code == Code::unknown) connection_ = 0;  // the user may not
    }
    if (!co_await sleep_for(1ms)) co_return;
  }
}

// Makes what was read and not handled look old, so that the next reader takes it at once and not after the timeout.
asio::awaitable<void> StreamSubscription::give_back() {
  waiting_.merge(working_);
  if (waiting_.empty() || options_.processing_timeout <= 0ms) co_return;
  Command claim("XCLAIM", stream_, options_.consumer, options_.consumer, "0");
  for (const auto& id : waiting_) claim.add(id);
  claim.add("IDLE").add(static_cast<std::int64_t>(options_.processing_timeout.count())).add("JUSTID");
  const auto done = co_await within(1s, client_.call(std::move(claim)));
  if (!done) log_.warn("giving back entries failed", {{"stream", stream_}, {"error", done.error().message}});
}

}  // namespace mecha::pubsub
