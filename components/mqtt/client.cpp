#include "components/mqtt/client.hpp"

#include <algorithm>
#include <utility>

#include "runtime/async/within.hpp"

namespace mecha::mqtt {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock;

constexpr auto kLimit = 20s;          // of a connection, and of an answer
constexpr auto kPauseFirst = 200ms;   // between connections
constexpr std::chrono::milliseconds kPauseMost = 20s;
constexpr auto kKeepAlive = 30s;
constexpr auto kAgainAfter = 5s;
constexpr auto kStrayLimit = 30s;
constexpr std::size_t kUnsettledMost = 1000;  // reading pauses
constexpr std::size_t kExactlyOnceMost = 16;  // Mosquitto 2.0 takes 20 at once; with 25 some were seen to stay behind
constexpr std::size_t kStraysMost = 10'000;

Error ended() { return {.code = Code::unavailable, .message = "the connection to the MQTT broker is closed"}; }

Error refusal(unsigned code) {
  static constexpr const char* kWhy[] = {"", "unacceptable protocol version", "identifier rejected", "server unavailable",
                                         "bad user name or password", "not authorized"};
  const bool known = code < std::size(kWhy);
  return {
      .code = code == 3 ? Code::unavailable : Code::failed_precondition,
      .message = known ? kWhy[code] : "the MQTT broker refused the connection"};
}

}  // namespace

Client::Client(Executor home, Options options, Log log)
    : home_(home), options_(std::move(options)), log_(std::move(log)), gate_(home), exactly_once_(home, kExactlyOnceMost), changed_(home) {}

Async<void> Client::connect() {
  auto opened = co_await within(kLimit, open());
  if (!opened) co_return opened;
  spawn(gate_, home_, run());
  spawn(gate_, home_, keep_alive());
  co_return Result<void>{};
}

Async<void> Client::open() {
  packets_ = {};
  net::Origin origin{.host = options_.host, .port = options_.port, .unix_path = {}};
  MECHA_CO_TRY(auto wire, co_await net::Wire::dial(std::move(origin), options_.tls, kLimit));
  duplex_ = std::make_unique<net::Duplex>(std::move(wire), home_);
  duplex_->send(write_connect({
      .client_id = options_.client_id,
      .clean_session = options_.clean_session,
      .keep_alive_s = static_cast<std::uint16_t>(kKeepAlive.count()),
      .username = options_.username,
      .password = options_.password}));
  MECHA_CO_TRY(const auto answer, co_await read_packet());
  if (answer.type != PacketType::connack || answer.body.size() < 2) co_return fail(Code::internal, "the MQTT broker did not answer as one");
  if (answer.body[1] != 0) co_return fail(refusal(static_cast<unsigned char>(answer.body[1])));
  session_present_ = (answer.body[0] & 1) != 0;
  connected_ = true;
  ++connection_;
  resume();
  co_return Result<void>{};
}

// Goes on where the last connection ended. A broker that kept no session has no subscriptions either.
void Client::resume() {
  strays_.clear();
  if (!session_present_) {
    received_.clear();
    for (const auto& [filter, subscribed] : subscriptions_) {
      if (auto id = free_id()) duplex_->send(write_subscribe(*id, filter, subscribed.qos));
    }
  }
  for (auto& [id, pending] : pending_) {
    if (!pending->is_publish) {
      duplex_->send(pending->request);
    } else if (pending->released) {
      duplex_->send(write_short(PacketType::pubrel, id));
    } else {
      pending->publish.duplicate = true;
      duplex_->send(write_publish(pending->publish));
    }
  }
  changed_.pulse();
}

asio::awaitable<void> Client::run() {
  std::chrono::milliseconds pause = kPauseFirst;
  for (;;) {
    Result<void> done;
    if (!connected_) done = co_await within(kLimit, open());
    if (done) {
      pause = kPauseFirst;
      done = co_await serve();
    }
    connected_ = false;
    if (duplex_ != nullptr) co_await duplex_->close();
    if (closed_) co_return;
    log_.warn("the connection to the MQTT broker failed", {{"error", done.error().message}});
    if (!co_await sleep_for(pause)) co_return;
    pause = std::min(pause * 2, kPauseMost);
  }
}

// Until the connection breaks: always ends with an error.
Async<void> Client::serve() {
  for (;;) {
    while (unsettled_ >= kUnsettledMost && !duplex_->broken()) co_await changed_.wait();
    MECHA_CO_TRY(const auto packet, co_await read_packet());
    MECHA_CO_TRY_VOID(take(packet));
  }
}

Async<Packet> Client::read_packet() {
  for (;;) {
    MECHA_CO_TRY(auto packet, packets_.next());
    if (packet) co_return *std::move(packet);
    MECHA_CO_TRY(const auto bytes, co_await duplex_->read());
    heard_ = Time::now();
    packets_.feed(bytes);
  }
}

asio::awaitable<void> Client::keep_alive() {
  while (co_await sleep_for(kKeepAlive / 3)) {
    drop_strays();
    if (!connected_) continue;
    duplex_->send(write_short(PacketType::pingreq, 0));
    const bool listening = unsettled_ < kUnsettledMost;
    if (listening && Time::now() - heard_ > kKeepAlive + kKeepAlive / 2) duplex_->cut();
  }
}

Result<void> Client::take(const Packet& packet) {
  const auto id = packet_id(packet);
  switch (packet.type) {
    case PacketType::publish: return take_publish(packet);
    case PacketType::puback:
    case PacketType::pubcomp:
    case PacketType::unsuback: finish(id, std::nullopt); return {};
    case PacketType::suback: {
      const bool refused = packet.body.size() > 2 && static_cast<unsigned char>(packet.body[2]) == 0x80;
      finish(id, refused ? std::optional(Error{.code = Code::failed_precondition, .message = "the MQTT broker refused the subscription"}) : std::nullopt);
      return {};
    }
    case PacketType::pubrec:
      if (const auto found = pending_.find(id); found != pending_.end()) found->second->released = true;
      duplex_->send(write_short(PacketType::pubrel, id));
      return {};
    case PacketType::pubrel:
      received_.erase(id);
      duplex_->send(write_short(PacketType::pubcomp, id));
      return {};
    case PacketType::pingresp: return {};
    default: return fail(Code::internal, "the MQTT broker sent an unexpected packet");
  }
}

Result<void> Client::take_publish(const Packet& packet) {
  MECHA_TRY(auto message, read_publish(packet));
  if (message.qos == 2 && received_.contains(message.id)) {
    duplex_->send(write_short(PacketType::pubrec, message.id));
    return {};
  }
  hand_out({std::move(message), connection_});
  return {};
}

Client::Subscribed* Client::taker_of(std::string_view topic) {
  if (const auto exact = subscriptions_.find(topic); exact != subscriptions_.end()) return &exact->second;
  for (auto& [filter, subscribed] : subscriptions_) {
    if (filter_matches(filter, topic)) return &subscribed;
  }
  return nullptr;
}

void Client::hand_out(Incoming incoming) {
  auto* taker = taker_of(incoming.message.topic);
  if (taker != nullptr && taker->sink) {
    ++unsettled_;
    taker->sink(std::move(incoming));
  } else if (strays_.size() < kStraysMost) {
    strays_.push_back(std::move(incoming));
  }
}

// Left behind by subscriptions that are no more: without an acknowledgement they would use up the broker's window.
void Client::drop_strays() {
  const bool settled = !subscriptions_.empty() && Time::now() - subscribed_at_ > kStrayLimit;
  if (!settled) return;
  for (auto& stray : std::exchange(strays_, {})) {
    if (taker_of(stray.message.topic) != nullptr) {
      strays_.push_back(std::move(stray));
      continue;
    }
    log_.warn("dropping a message that no subscription takes", {{"topic", stray.message.topic}});
    acknowledge(stray);
  }
}

void Client::acknowledge(const Incoming& incoming) {
  const auto& message = incoming.message;
  if (message.qos == 0 || !connected_ || incoming.connection != connection_) return;
  if (message.qos == 2) received_.insert(message.id);
  duplex_->send(write_short(message.qos == 1 ? PacketType::puback : PacketType::pubrec, message.id));
}

void Client::settle(Incoming incoming, bool handled) {
  --unsettled_;
  changed_.pulse();
  if (handled) acknowledge(incoming);
  else if (incoming.message.qos > 0) spawn(gate_, home_, hand_out_later(std::move(incoming)));
}

asio::awaitable<void> Client::hand_out_later(Incoming incoming) {
  if (!co_await sleep_for(kAgainAfter)) co_return;
  if (incoming.connection == connection_) hand_out(std::move(incoming));  // else the broker sends it again
}

Result<std::uint16_t> Client::free_id() {
  for (int i = 0; i < 65535; ++i) {
    if (++last_id_ != 0 && !pending_.contains(last_id_)) return last_id_;
  }
  return fail(Code::resource_exhausted, "too many messages wait for the MQTT broker");
}

void Client::finish(std::uint16_t id, std::optional<Error> failed) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  found->second->failed = std::move(failed);
  found->second->done.set();
  pending_.erase(found);
}

// The answer may come over a later connection.
Async<void> Client::exchange(std::shared_ptr<Pending> pending, std::uint16_t id) {
  struct Leave {
    Client& self;
    const Pending* pending;
    std::uint16_t id;
    ~Leave() {
      const auto found = self.pending_.find(id);
      if (found != self.pending_.end() && found->second.get() == pending) self.pending_.erase(found);
    }
  } leave{*this, pending.get(), id};
  pending_[id] = pending;
  if (connected_) duplex_->send(pending->is_publish ? write_publish(pending->publish) : pending->request);
  asio::steady_timer limit(home_, kLimit);
  limit.async_wait([pending](boost::system::error_code error) {
    if (error) return;
    pending->failed = Error{.code = Code::deadline_exceeded, .message = "the MQTT broker does not answer", .failure = Failure::timeout};
    pending->done.set();
  });
  co_await pending->done.wait();
  if (!pending->done.is_set()) co_return fail(Code::cancelled, "context canceled");
  if (pending->failed) co_return fail(*pending->failed);
  co_return Result<void>{};
}

Async<void> Client::publish(std::string topic, std::string payload, std::uint8_t qos, bool retain) {
  if (closed_) co_return fail(ended());
  PublishPacket packet{.topic = std::move(topic), .payload = std::move(payload), .qos = qos, .retain = retain};
  if (qos == 0) {
    if (!connected_) co_return fail(ended());
    duplex_->send(write_publish(packet));
    co_return co_await within(kLimit, duplex_->flushed());
  }
  struct Turn {
    Semaphore* held = nullptr;
    ~Turn() {
      if (held != nullptr) held->release();
    }
  } turn;
  if (qos == 2) {
    if (!co_await exactly_once_.acquire()) co_return fail(Code::cancelled, "context canceled");
    turn.held = &exactly_once_;
  }
  MECHA_CO_TRY(packet.id, free_id());
  auto pending = std::make_shared<Pending>(home_);
  const auto id = packet.id;
  pending->is_publish = true;
  pending->publish = std::move(packet);
  co_return co_await exchange(std::move(pending), id);
}

Async<void> Client::subscribe(std::string filter, std::uint8_t qos, Sink sink) {
  if (closed_) co_return fail(ended());
  MECHA_CO_TRY(const auto id, free_id());
  auto pending = std::make_shared<Pending>(home_);
  pending->request = write_subscribe(id, filter, qos);
  subscriptions_[filter] = {std::move(sink), qos};
  subscribed_at_ = Time::now();
  for (auto& stray : std::exchange(strays_, {})) hand_out(std::move(stray));
  auto done = co_await exchange(std::move(pending), id);
  if (!done) subscriptions_.erase(filter);
  co_return done;
}

asio::awaitable<void> Client::unsubscribe(std::string filter, bool forget) {
  const auto found = subscriptions_.find(filter);
  if (found == subscriptions_.end()) co_return;
  found->second.sink = {};
  if (!forget) co_return;
  subscriptions_.erase(found);
  const auto id = free_id();
  if (!id || !connected_) co_return;
  auto pending = std::make_shared<Pending>(home_);
  pending->request = write_unsubscribe(*id, filter);
  const auto done = co_await within(2s, exchange(std::move(pending), *id));
  if (!done) log_.warn("unsubscribing failed", {{"topic", filter}, {"error", done.error().message}});
}

asio::awaitable<void> Client::close() {
  closed_ = true;
  if (connected_) {
    duplex_->send(write_short(PacketType::disconnect, 0));
    (void)co_await within(2s, duplex_->flushed());
  }
  co_await gate_.close(0s);
  connected_ = false;
  if (duplex_ != nullptr) co_await duplex_->close();
  for (const auto& [id, pending] : std::exchange(pending_, {})) {
    pending->failed = ended();
    pending->done.set();
  }
}

}  // namespace mecha::mqtt
