#include "components/rabbitmq/channel.hpp"

#include <algorithm>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::rabbitmq {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kNumber = 1;  // of the channel; 0 is the connection
constexpr auto kOpenLimit = 30s;
constexpr auto kAnswerLimit = 30s;
constexpr auto kConfirmLimit = 60s;
constexpr auto kGoodbyeLimit = 2s;
constexpr std::size_t kWaitingMost = 256;
constexpr std::uint64_t kMessageMost = 512u << 20;

// The words of connection.close and channel.close.
Error closed_by_server(Reader& arguments) {
  const auto number = arguments.u16();
  const auto reason = std::string(arguments.short_text());
  const bool refused = number == 403 || number == 404 || number == 406 || number == 530;
  return {
      .code = refused ? Code::failed_precondition : Code::unavailable,
      .message = "Exception (" + std::to_string(number) + ") Reason: " + text::quote(reason)};
}

Error ended() { return {.code = Code::unavailable, .message = "the connection to the RabbitMQ server is closed"}; }

Writer start_ok(const Options& options) {
  Table capabilities;
  for (const char* name : {"publisher_confirms", "basic.nack", "consumer_cancel_notify", "authentication_failure_close"}) {
    capabilities[name] = Value{true};
  }
  Table properties{{"product", {std::string("mecha")}}, {"capabilities", {std::move(capabilities)}}};
  if (!options.client_name.empty()) properties["connection_name"] = Value{options.client_name};
  Writer writer(Method::connection_start_ok);
  writer.table(properties).short_text(options.external ? "EXTERNAL" : "PLAIN");
  writer.long_text(options.external ? "" : '\0' + options.address.username + '\0' + options.address.password);
  writer.short_text("en_US");
  return writer;
}

}  // namespace

Channel::Channel(Executor executor)
    : executor_(executor), gate_(executor), frames_(frame_max_), calling_(executor, 1), answered_(executor), changed_(executor) {}

Async<std::shared_ptr<Channel>> Channel::open(Executor executor, std::shared_ptr<const Options> options) {
  auto channel = std::make_shared<Channel>(executor);
  Result<void> opened;
  std::exception_ptr stopped;
  try {
    opened = co_await within(kOpenLimit, channel->connect(std::move(options)));
  } catch (...) {
    stopped = std::current_exception();
  }
  if (stopped || !opened) {
    if (stopped) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    channel->cut(ended());
    co_await channel->close();
    if (stopped) std::rethrow_exception(stopped);
    co_return fail(std::move(opened).error());
  }
  channel->begin();
  co_return channel;
}

void Channel::begin() {
  heard_ = std::chrono::steady_clock::now();
  spawn(gate_, executor_, read_loop());
  if (heartbeat_.count() > 0) spawn(gate_, executor_, heartbeat_loop());
}

Async<void> Channel::connect(std::shared_ptr<const Options> options) {
  net::Origin origin{.host = options->address.host, .port = options->address.port, .unix_path = {}};
  MECHA_CO_TRY(auto wire, co_await net::Wire::dial(std::move(origin), options->tls, kOpenLimit));
  duplex_ = std::make_unique<net::Duplex>(std::move(wire), executor_);
  co_return co_await log_in(*options);
}

Async<void> Channel::log_in(const Options& options) {
  duplex_->send(std::string_view("AMQP\0\0\x09\x01", 8));
  MECHA_CO_TRY_VOID(co_await expect(Method::connection_start));
  duplex_->send(write_method(0, start_ok(options)));
  MECHA_CO_TRY(const auto tune, co_await expect(Method::connection_tune));
  Reader offered(tune);
  (void)offered.u16();
  const auto frame_max = offered.u32();
  const auto beat = std::chrono::seconds(offered.u16());
  if (frame_max != 0) frame_max_ = std::min<std::size_t>(frame_max_, std::max<std::uint32_t>(frame_max, 4096));
  frames_.limit(frame_max_);
  const auto ours = std::chrono::duration_cast<std::chrono::seconds>(options.heartbeat);
  const auto agreed = ours == 0s || beat == 0s ? std::max(ours, beat) : std::min(ours, beat);
  heartbeat_ = options.heartbeat == 0ms ? 0s : agreed;
  Writer tune_ok(Method::connection_tune_ok);
  tune_ok.u16(kNumber).u32(static_cast<std::uint32_t>(frame_max_));
  tune_ok.u16(static_cast<std::uint16_t>(std::chrono::duration_cast<std::chrono::seconds>(heartbeat_).count()));
  Writer open(Method::connection_open);
  open.short_text(options.address.virtual_host).short_text("").u8(0);
  duplex_->send(write_method(0, tune_ok) + write_method(0, open));
  MECHA_CO_TRY_VOID(co_await expect(Method::connection_open_ok));
  Writer channel(Method::channel_open);
  channel.short_text("");
  duplex_->send(write_method(kNumber, channel));
  MECHA_CO_TRY_VOID(co_await expect(Method::channel_open_ok));
  co_return Result<void>{};
}

Async<Frame> Channel::read_frame() {
  for (;;) {
    MECHA_CO_TRY(auto frame, frames_.next());
    if (frame) co_return *std::move(frame);
    reading_ = true;
    auto bytes = co_await duplex_->read();
    reading_ = false;
    if (!bytes) co_return fail(std::move(bytes).error());
    heard_ = std::chrono::steady_clock::now();
    frames_.feed(*bytes);
  }
}

// While logging in: the arguments of the one method that may come.
Async<std::string> Channel::expect(Method wanted) {
  for (;;) {
    MECHA_CO_TRY(const auto frame, co_await read_frame());
    if (frame.type == FrameType::heartbeat) continue;
    Reader reader(frame.payload);
    const auto got = static_cast<Method>(reader.u32());
    if (got == Method::connection_close || got == Method::channel_close) co_return fail(closed_by_server(reader));
    if (got != wanted) co_return fail(Code::internal, "the RabbitMQ server sent an unexpected method");
    co_return frame.payload.substr(4);
  }
}

asio::awaitable<void> Channel::read_loop() {
  while (!broken_) {
    while (waiting_.size() >= kWaitingMost && !broken_) co_await changed_.wait();
    if (broken_) co_return;
    auto frame = co_await read_frame();
    auto done = frame ? take(*std::move(frame)) : Result<void>(fail(std::move(frame).error()));
    if (!done) cut(std::move(done).error());
  }
}

// Two beats of silence mean that the other side is gone.
asio::awaitable<void> Channel::heartbeat_loop() {
  while (co_await sleep_for(heartbeat_ / 2)) {
    if (broken_) co_return;
    duplex_->send(write_frame(FrameType::heartbeat, 0, {}));
    if (reading_ && std::chrono::steady_clock::now() - heard_ > 2 * heartbeat_ + 1s) {
      cut({.code = Code::unavailable, .message = "the RabbitMQ server does not answer: no heartbeat"});
    }
  }
}

Result<void> Channel::take(Frame frame) {
  switch (frame.type) {
    case FrameType::heartbeat: return {};
    case FrameType::method: return take_method(frame.payload);
    case FrameType::header: {
      if (!incoming_ || size_) break;
      MECHA_TRY(auto header, read_header(frame.payload));
      if (header.size > kMessageMost) return fail(Code::resource_exhausted, "a message that is too large");
      incoming_->properties = std::move(header.properties);
      size_ = header.size;
      return take_content();
    }
    case FrameType::body:
      if (!size_) break;
      incoming_->body += frame.payload;
      return take_content();
  }
  return fail(Code::internal, "the RabbitMQ server sent an unexpected frame");
}

Result<void> Channel::take_content() {
  if (incoming_->body.size() > *size_) return fail(Code::internal, "a message that is larger than announced");
  if (incoming_->body.size() < *size_) return {};
  waiting_.push_back(*std::move(incoming_));
  incoming_.reset();
  size_.reset();
  changed_.pulse();
  return {};
}

Result<void> Channel::take_method(std::string_view payload) {
  Reader reader(payload);
  const auto got = static_cast<Method>(reader.u32());
  switch (got) {
    case Method::basic_deliver:
      incoming_.emplace();
      (void)reader.short_text();
      incoming_->tag = reader.u64();
      (void)reader.u8();
      (void)reader.short_text();
      incoming_->routing_key = reader.short_text();
      return reader.ok() ? Result<void>{} : fail(Code::internal, "a delivery that is cut short");
    case Method::basic_ack: confirm(payload.substr(4), true); return {};
    case Method::basic_nack: confirm(payload.substr(4), false); return {};
    case Method::basic_cancel: return fail(Code::unavailable, "the RabbitMQ server cancelled the consumer: its queue is gone");
    case Method::connection_close:
      duplex_->send(write_method(0, Writer(Method::connection_close_ok)));
      return fail(closed_by_server(reader));
    case Method::channel_close: return fail(closed_by_server(reader));
    case Method::channel_flow:
      duplex_->send(write_method(kNumber, Writer(Method::channel_flow_ok).u8(reader.u8())));
      return {};
    case Method::connection_blocked:
    case Method::connection_unblocked: return {};
    default: break;
  }
  if (expected_ != got) return fail(Code::internal, "the RabbitMQ server sent an unexpected method");
  expected_.reset();
  answered_.pulse();
  return {};
}

Async<void> Channel::call(Writer method, Method answer) {
  if (!co_await calling_.acquire()) co_return fail(Code::cancelled, "context canceled");
  struct Leave {
    Channel& self;
    ~Leave() {
      // Who asks next would take the answer for its own.
      if (self.expected_ && !self.broken_) self.cut({.code = Code::cancelled, .message = "context canceled"});
      self.calling_.release();
    }
  } leave{*this};
  if (broken_) co_return fail(*broken_);
  expected_ = answer;
  duplex_->send(write_method(kNumber, method));
  auto answered = co_await within(kAnswerLimit, wait_for_answer());
  if (!answered && answered.error().failure == Failure::timeout) {
    cut({.code = Code::deadline_exceeded, .message = "the RabbitMQ server does not answer", .failure = Failure::timeout});
  }
  if (broken_) co_return fail(*broken_);
  co_return answered;
}

Async<void> Channel::wait_for_answer() {
  while (expected_ && !broken_) co_await answered_.wait();
  co_return Result<void>{};
}

void Channel::cast(const Writer& method) {
  if (!broken_) duplex_->send(write_method(kNumber, method));
}

Async<void> Channel::select_confirms() {
  MECHA_CO_TRY_VOID(co_await call(Writer(Method::confirm_select).u8(0), Method::confirm_select_ok));
  confirms_ = true;
  co_return Result<void>{};
}

Async<void> Channel::publish(std::string exchange, std::string routing_key, Properties properties, std::string body) {
  if (broken_) co_return fail(*broken_);
  duplex_->send(write_message(kNumber, exchange, routing_key, properties, body, frame_max_));
  if (!confirms_) co_return co_await flushed();
  const auto waiter = std::make_shared<Confirm>(executor_);
  const auto tag = ++published_;
  unconfirmed_[tag] = waiter;
  asio::steady_timer limit(executor_, kConfirmLimit);
  limit.async_wait([waiter](boost::system::error_code error) {
    if (!error) waiter->settled.set();
  });
  co_await waiter->settled.wait();
  if (waiter->accepted) co_return Result<void>{};
  if (broken_) co_return fail(*broken_);
  if (unconfirmed_.erase(tag) == 0) co_return fail(Code::unavailable, "the RabbitMQ server refused the message");
  co_return fail(Error{
      .code = Code::deadline_exceeded, .message = "the RabbitMQ server did not confirm the message", .failure = Failure::timeout});
}

void Channel::confirm(std::string_view arguments, bool accepted) {
  Reader reader(arguments);
  const auto tag = reader.u64();
  const bool all_before = (reader.u8() & 1) != 0;
  auto first = all_before ? unconfirmed_.begin() : unconfirmed_.find(tag);
  while (first != unconfirmed_.end() && first->first <= tag) {
    first->second->accepted = accepted;
    first->second->settled.set();
    first = unconfirmed_.erase(first);
  }
}

Async<Delivery> Channel::next() {
  while (waiting_.empty() && !broken_) co_await changed_.wait();
  if (waiting_.empty()) co_return fail(*broken_);
  auto delivery = std::move(waiting_.front());
  waiting_.pop_front();
  changed_.pulse();
  co_return delivery;
}

void Channel::acknowledge(std::uint64_t tag) { cast(Writer(Method::basic_ack).u64(tag).u8(0)); }

void Channel::reject(std::uint64_t tag, bool requeue) {
  cast(Writer(Method::basic_nack).u64(tag).u8(requeue ? 2 : 0));
}

Async<void> Channel::flushed() {
  if (broken_) co_return fail(*broken_);
  auto done = co_await duplex_->flushed();
  if (!done) co_return fail(broken_.value_or(ended()));
  co_return Result<void>{};
}

// Deliveries that wait are of no use any more: they could not be acknowledged.
void Channel::cut(Error why) {
  if (broken_) return;
  broken_ = std::move(why);
  if (duplex_ != nullptr) duplex_->cut();
  waiting_.clear();
  for (const auto& [tag, waiter] : unconfirmed_) waiter->settled.set();
  answered_.pulse();
  changed_.pulse();
}

asio::awaitable<void> Channel::close() {
  if (!broken_) {
    Writer goodbye(Method::connection_close);
    goodbye.u16(200).short_text("goodbye").u16(0).u16(0);
    duplex_->send(write_method(0, goodbye));
    (void)co_await within(kGoodbyeLimit, duplex_->flushed());
    cut(ended());
  }
  if (duplex_ != nullptr) co_await duplex_->close();
  co_await gate_.close(0s);
}

}  // namespace mecha::rabbitmq
