#include "components/pubsub/jetstream_feed.hpp"

#include <algorithm>

#include "runtime/async/within.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;
using nats::Connection;
using nats::Item;
using Time = std::chrono::steady_clock;

constexpr auto kAnswerLimit = 5s;
constexpr auto kNoStreamPause = 250ms;
constexpr int kPublishAttempts = 3;
constexpr auto kReconnectFirst = 100ms;
constexpr std::chrono::milliseconds kReconnectMost = 2s;
constexpr int kNoResponders = 503, kControl = 100;
constexpr std::int64_t kConsumerNotFound = 10014, kConsumerNameTaken = 10013;
constexpr std::size_t kReplyTokens = 9;  // $JS.ACK.<stream>.<consumer>.<count>.<stream seq>.<consumer seq>.<time>.<pending>

Result<json::Value> read_answer(const Item& item) {
  if (item.status() == kNoResponders) return fail(Code::unavailable, "nats: no responders available for request");
  MECHA_TRY(auto answer, json::parse(item.text));
  const auto* error = answer.find("error");
  if (error == nullptr) return answer;
  const auto* number = error->find("err_code");
  const auto which = number != nullptr && number->is_number() ? number->as_int().value_or(0) : 0;
  const auto code = which == kConsumerNotFound ? Code::not_found : which == kConsumerNameTaken ? Code::already_exists : Code::failed_precondition;
  return fail(code, "nats: " + std::string(error->text("description")));
}

// The sequence within the stream, from the reply subject; with a domain there are two tokens more in front.
std::uint64_t stream_sequence(std::string_view reply) {
  const auto tokens = text::split(reply, '.');
  if (tokens.size() < kReplyTokens || tokens[0] != "$JS" || tokens[1] != "ACK") return 0;
  const std::size_t at = tokens.size() == kReplyTokens ? 5 : 7;
  return text::to_uint(tokens[at]).value_or(0);
}

}  // namespace

Async<json::Value> ask_jetstream(std::shared_ptr<Connection> connection, std::string subject, json::Object request) {
  auto text = json::write(json::Value(std::move(request)));
  MECHA_CO_TRY(const auto item, co_await connection->request(std::move(subject), {}, std::move(text), kAnswerLimit));
  co_return read_answer(item);
}

Async<void> publish_jetstream(std::shared_ptr<Connection> connection, std::string subject, std::string headers, std::string data) {
  for (int attempt = 1;; ++attempt) {
    MECHA_CO_TRY(const auto item, co_await connection->request(subject, headers, data, kAnswerLimit));
    if (item.status() != kNoResponders) {
      MECHA_CO_TRY_VOID(read_answer(item));
      co_return Result<void>{};
    }
    if (attempt >= kPublishAttempts || !co_await sleep_for(kNoStreamPause)) {
      co_return fail(Code::unavailable, "nats: no response from stream");
    }
  }
}

JetStreamFeed::JetStreamFeed(
    Executor executor, std::shared_ptr<const nats::Options> server, JetStreamOptions options, Log log, std::string subject,
    Handler handler
)
    : executor_(executor),
      server_(std::move(server)),
      options_(std::move(options)),
      log_(std::move(log)),
      subject_(std::move(subject)),
      handler_(std::move(handler)),
      gate_(executor),
      lanes_(executor, options_.parallel) {}

Async<void> JetStreamFeed::start() {
  Result<void> opened;
  std::exception_ptr stopped;
  try {
    opened = co_await open();
  } catch (...) {
    stopped = std::current_exception();
  }
  if (opened && !stopped) {
    spawn(gate_, executor_, run());
    spawn(gate_, executor_, keep_waiting());
    if (options_.heartbeat > 0ms) spawn(gate_, executor_, watch_heartbeats());
    co_return opened;
  }
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await stop(0s);
  if (stopped) std::rethrow_exception(stopped);
  co_return opened;
}

Async<void> JetStreamFeed::open() {
  if (connection_ != nullptr) co_await connection_->close();
  connection_.reset();
  MECHA_CO_TRY(connection_, co_await Connection::open(executor_, server_));
  if (options_.stream.empty()) {
    MECHA_CO_TRY(const auto found, co_await ask_jetstream(connection_, options_.api + ".STREAM.NAMES", {{"subject", subject_}}));
    const auto* names = found.find("streams");
    if (names == nullptr || !names->is_array() || names->as_array().empty() || !names->as_array()[0].is_string()) {
      co_return fail(Code::failed_precondition, "nats: no stream matches subject");
    }
    options_.stream = names->as_array()[0].as_string();
  }
  heard_ = Time::now();
  co_return co_await find_or_make_consumer();
}

// A named consumer that is there already is used as it is: it knows what was handled. Of two that find none at once, one makes it.
Async<void> JetStreamFeed::find_or_make_consumer() {
  if (options_.durable.empty()) co_return co_await make_consumer();
  const auto subject = options_.api + ".CONSUMER.INFO." + options_.stream + "." + options_.durable;
  auto info = co_await ask_jetstream(connection_, subject, {});
  if (!info && info.error().code == Code::not_found) {
    auto made = co_await make_consumer();
    if (made || made.error().code != Code::already_exists) co_return made;
    connection_->unsubscribe();  // from the inbox of the one that was not made
    info = co_await ask_jetstream(connection_, subject, {});
  }
  if (!info) co_return fail(std::move(info).error());
  const auto* config = info->find("config");
  if (config == nullptr || config->text("deliver_subject").empty()) {
    co_return fail(Code::failed_precondition, "nats: the consumer " + options_.durable + " is not a push consumer");
  }
  if (const auto filter = config->text("filter_subject"); !filter.empty() && filter != subject_) {
    co_return fail(Code::failed_precondition, "nats: subject does not match consumer");
  }
  if (config->text("deliver_group") != options_.group) {
    co_return fail(Code::failed_precondition, "nats: the consumer " + options_.durable + " belongs to another queue group");
  }
  if (const auto* wait = config->find("ack_wait"); wait != nullptr && wait->is_number()) ack_wait_ = std::chrono::nanoseconds(wait->as_int().value_or(0));
  consumer_ = options_.durable;
  connection_->subscribe(config->text("deliver_subject"), options_.group);
  co_return Result<void>{};
}

Async<void> JetStreamFeed::make_consumer() {
  // All who make a named one at once ask for the same, and listen at the same place.
  const auto inbox = options_.durable.empty() ? connection_->new_inbox() : "_INBOX." + options_.stream + "." + options_.durable;
  auto config = options_.config;
  config["deliver_subject"] = inbox;
  config["filter_subject"] = subject_;
  config["replay_policy"] = "instant";
  if (!options_.durable.empty()) config["durable_name"] = options_.durable;
  if (!options_.group.empty()) config["deliver_group"] = options_.group;
  if (options_.durable.empty() && last_sequence_ > 0) {
    config["deliver_policy"] = "by_start_sequence";
    config["opt_start_seq"] = unsettled_.empty() ? last_sequence_ + 1 : unsettled_.begin()->first;
    config.erase("opt_start_time");
  }
  connection_->subscribe(inbox, options_.group);
  const auto subject = options_.api + (options_.durable.empty() ? ".CONSUMER.CREATE." + options_.stream
                                                                : ".CONSUMER.DURABLE.CREATE." + options_.stream + "." + options_.durable);
  json::Object request{{"stream_name", options_.stream}, {"config", std::move(config)}};
  MECHA_CO_TRY(const auto made, co_await ask_jetstream(connection_, subject, std::move(request)));
  consumer_ = made.text("name");
  const auto* kept = made.find("config");
  const auto* wait = kept == nullptr ? nullptr : kept->find("ack_wait");
  if (wait != nullptr && wait->is_number()) ack_wait_ = std::chrono::nanoseconds(wait->as_int().value_or(0));
  co_return Result<void>{};
}

asio::awaitable<void> JetStreamFeed::run() {
  std::chrono::milliseconds pause = kReconnectFirst;
  for (;;) {
    Result<void> done;
    if (connection_ == nullptr || connection_->broken()) done = co_await open();
    if (done) {
      pause = kReconnectFirst;
      done = co_await receive();
    }
    if (stopping_) co_return;
    log_.warn("receiving from JetStream failed", {{"topic", subject_}, {"error", done.error().message}});
    if (connection_ != nullptr) connection_->cut(done.error());
    if (!co_await sleep_for(pause)) co_return;
    pause = std::min(pause * 2, kReconnectMost);
  }
}

// Until the connection breaks: always ends with an error. What then waits comes again from the server.
Async<void> JetStreamFeed::receive() {
  const auto connection = connection_;
  for (;;) {
    co_await lanes_.below(options_.parallel + 1);
    MECHA_CO_TRY(auto item, co_await connection->next());
    heard_ = Time::now();
    if (is_control(item)) continue;
    if (stopping_) {
      if (!item.reply.empty()) connection->publish(item.reply, "-NAK");
      continue;
    }
    auto work = std::make_shared<Work>();
    work->sequence = stream_sequence(item.reply);
    work->item = std::move(item);
    last_sequence_ = std::max(last_sequence_, work->sequence);
    unsettled_.emplace(work->sequence, work->item.reply);
    lanes_.push(nullptr, [this, connection, work]() { return handle(connection, work); });
  }
}

// Heartbeats and requests of flow control are answered, and are no messages.
bool JetStreamFeed::is_control(const Item& item) {
  if (item.status() != kControl) return false;
  if (!item.reply.empty()) connection_->publish(item.reply, {});
  else if (const auto stalled = item.header("Nats-Consumer-Stalled"); !stalled.empty()) connection_->publish(stalled, {});
  return true;
}

asio::awaitable<void> JetStreamFeed::handle(std::shared_ptr<Connection> connection, std::shared_ptr<Work> work) {
  const auto reply = work->item.reply;
  struct Leave {
    JetStreamFeed& self;
    std::uint64_t sequence;
    ~Leave() {
      const auto found = self.unsettled_.find(sequence);
      if (found != self.unsettled_.end()) self.unsettled_.erase(found);
    }
  };
  if (connection->broken()) {
    const Leave leave{*this, work->sequence};
    last_sequence_ = std::min(last_sequence_, work->sequence - (work->sequence > 0 ? 1 : 0));
    co_return;
  }
  if (const auto found = unsettled_.find(work->sequence); found != unsettled_.end()) found->second.clear();
  const Leave leave{*this, work->sequence};
  if (!reply.empty()) connection->publish(reply, "+WPI");  // its time begins now
  Message message{.topic = work->item.subject, .data = std::move(work->item.text), .metadata = Metadata{{"Topic", work->item.subject}}};
  const auto verdict = co_await handler_(std::move(message));
  if (reply.empty() || verdict == Verdict::abandoned) co_return;
  if (verdict == Verdict::done) {
    connection->publish(reply, "+ACK");
  } else if (options_.failure_delay) {
    connection->publish(reply, "-NAK {\"delay\": " + std::to_string(options_.failure_delay->count()) + "}");
  } else {
    connection->publish(reply, "-NAK");
  }
}

// What only waited comes again at once, to whoever listens then, and not when its time for an answer is over.
void JetStreamFeed::give_back(Connection& connection) {
  for (auto& [sequence, reply] : unsettled_) {
    if (!reply.empty()) connection.publish(reply, "-NAK");
    reply.clear();
  }
}

// Messages that wait here for their turn must not look forgotten to the server.
asio::awaitable<void> JetStreamFeed::keep_waiting() {
  while (co_await sleep_for(std::max<std::chrono::nanoseconds>(ack_wait_ / 3, 100ms))) {
    if (connection_ == nullptr || connection_->broken()) continue;
    for (const auto& [sequence, reply] : unsettled_) {
      if (!reply.empty()) connection_->publish(reply, "+WPI");
    }
  }
}

asio::awaitable<void> JetStreamFeed::watch_heartbeats() {
  while (co_await sleep_for(options_.heartbeat)) {
    if (connection_ == nullptr || connection_->broken() || lanes_.pending() > options_.parallel) continue;
    if (Time::now() - heard_ > 3 * options_.heartbeat) {
      connection_->cut({.code = Code::unavailable, .message = "nats: no heartbeat received"});
    }
  }
}

asio::awaitable<void> JetStreamFeed::stop(std::chrono::steady_clock::duration grace) {
  stopping_ = true;
  const auto connection = connection_;
  lanes_.drop_waiting();
  if (connection != nullptr && !connection->broken()) {
    connection->unsubscribe();
    give_back(*connection);
    // Until its answer is here, the server may still send; receive() gives that back, too.
    (void)co_await within(1s, ask_jetstream(connection, options_.api + ".INFO", {}));
  }
  co_await lanes_.close(grace);
  co_await gate_.close(0s);
  if (connection != nullptr && !connection->broken() && options_.durable.empty() && !consumer_.empty()) {
    (void)co_await within(1s, ask_jetstream(connection, options_.api + ".CONSUMER.DELETE." + options_.stream + "." + consumer_, {}));
  }
  if (connection_ != nullptr) co_await connection_->close();
}

}  // namespace mecha::pubsub
