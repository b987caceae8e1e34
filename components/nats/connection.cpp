#include "components/nats/connection.hpp"

#include <array>

#include "runtime/async/within.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::nats {
namespace {

using namespace std::chrono_literals;

constexpr auto kOpenLimit = 30s;
constexpr auto kServerLimit = 10s;
constexpr auto kPingEvery = 20s;
constexpr int kPingsUnanswered = 2;
constexpr std::size_t kWaitingMost = 256;
constexpr int kRequests = 1, kMessages = 2;  // numbers of the two subscriptions

Error ended() { return {.code = Code::unavailable, .message = "nats: connection closed"}; }

std::string connect_text(const Options& options, const net::Authority& server, bool secured) {
  json::Object object{{"verbose", false}, {"pedantic", false}, {"lang", "c++"}, {"version", "1"}, {"protocol", 1},
                      {"echo", true},     {"headers", true},   {"no_responders", true}, {"tls_required", secured},
                      {"name", options.name}};
  if (server.username && server.password) {
    object["user"] = *server.username;
    object["pass"] = *server.password;
  } else if (server.username) {
    object["auth_token"] = *server.username;
  }
  if (!options.token.empty()) object["auth_token"] = options.token;
  return "CONNECT " + json::write(json::Value(std::move(object))) + "\r\n";
}

// "'Authorization Violation'" as the client of the reference says it.
Error told(std::string_view text) {
  if (text.starts_with('\'') && text.ends_with('\'') && text.size() > 1) text = text.substr(1, text.size() - 2);
  return {.code = Code::unavailable, .message = "nats: " + std::string(text)};
}

// The first line of the server, read byte by byte: what follows may belong to TLS.
Async<std::string> read_greeting(std::shared_ptr<net::Wire> wire) {
  std::string line;
  while (!line.ends_with("\r\n")) {
    char byte = 0;
    MECHA_CO_TRY(const auto size, co_await wire->read_some(&byte, 1));
    if (size == 0 || line.size() > 65536) co_return fail(ended());
    line.push_back(byte);
  }
  if (!line.starts_with("INFO ")) co_return fail(Code::unavailable, "nats: expected 'INFO', got '" + line.substr(0, 4) + "'");
  co_return line.substr(5);
}

}  // namespace

Result<Options> parse_servers(std::string_view urls) {
  Options options;
  for (auto url : text::split(urls, ',')) {
    url = text::trim(url);
    const auto scheme_end = url.find("://");
    if (scheme_end != std::string_view::npos) {
      const auto scheme = text::lower(url.substr(0, scheme_end));
      if (scheme != "nats" && scheme != "tls") return fail(Code::invalid_argument, "natsURL must begin with nats:// or tls://");
      options.secure = options.secure || scheme == "tls";
      url = url.substr(scheme_end + 3);
    }
    auto server = net::parse_authority(url.substr(0, url.find('/')), 4222);
    if (!server) return fail(Code::invalid_argument, "natsURL " + server.error().message);
    if (server->host.empty()) return fail(Code::invalid_argument, "natsURL names no host");
    options.servers.push_back(*std::move(server));
  }
  return options;
}

Connection::Connection(Executor executor) : executor_(executor), gate_(executor), inbox_("_INBOX." + text::uuid()), changed_(executor) {}

Async<std::shared_ptr<Connection>> Connection::open(Executor executor, std::shared_ptr<const Options> options) {
  Error last = ended();
  const auto end = std::chrono::steady_clock::now() + kOpenLimit;
  for (const auto& server : options->servers) {
    if (std::chrono::steady_clock::now() >= end) break;
    auto connection = std::make_shared<Connection>(executor);
    Result<void> opened;
    std::exception_ptr stopped;
    try {
      opened = co_await within(kServerLimit, connection->connect(options, server));
    } catch (...) {
      stopped = std::current_exception();
    }
    if (opened && !stopped) {
      connection->begin();
      co_return connection;
    }
    if (stopped) co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    connection->cut(ended());
    co_await connection->close();
    if (stopped) std::rethrow_exception(stopped);
    last = std::move(opened).error();
  }
  co_return fail(std::move(last));
}

Async<void> Connection::connect(std::shared_ptr<const Options> options, net::Authority server) {
  net::Origin origin{.host = server.host, .port = server.port, .unix_path = {}};
  MECHA_CO_TRY(auto dialled, co_await net::Wire::dial(std::move(origin), nullptr, kServerLimit));
  const std::shared_ptr<net::Wire> wire = std::move(dialled);
  MECHA_CO_TRY(const auto greeting, co_await read_greeting(wire));
  MECHA_CO_TRY(const auto info, json::parse(greeting));
  if (const auto* most = info.find("max_payload"); most != nullptr && most->is_number()) payload_max_ = most->as_int().value_or(0);
  const auto* required = info.find("tls_required");
  const bool secured = options->secure || (required != nullptr && required->is_bool() && required->as_bool());
  if (secured) {
    auto tls = options->tls;
    if (tls == nullptr) {
      MECHA_CO_TRY(tls, net::make_tls(net::TlsClientOptions{.alpn = {}}));
    }
    MECHA_CO_TRY_VOID(co_await wire->start_tls(std::move(tls), server.host, kServerLimit));
  }
  duplex_ = std::make_unique<net::Duplex>(wire, executor_);
  co_return co_await log_in(*options, server, secured);
}

Async<void> Connection::log_in(const Options& options, const net::Authority& server, bool secured) {
  duplex_->send(connect_text(options, server, secured) + "PING\r\n");
  for (;;) {
    MECHA_CO_TRY(const auto item, co_await read_item());
    if (item.kind == Kind::error) co_return fail(told(item.text));
    if (item.kind == Kind::pong) break;
  }
  duplex_->send("SUB " + inbox_ + ".r.* " + std::to_string(kRequests) + "\r\n");
  co_return Result<void>{};
}

void Connection::begin() {
  spawn(gate_, executor_, read_loop());
  spawn(gate_, executor_, ping_loop());
}

Async<Item> Connection::read_item() {
  for (;;) {
    MECHA_CO_TRY(auto item, items_.next());
    if (item) co_return *std::move(item);
    MECHA_CO_TRY(const auto bytes, co_await duplex_->read());
    items_.feed(bytes);
  }
}

asio::awaitable<void> Connection::read_loop() {
  while (!broken_) {
    while (waiting_.size() >= kWaitingMost && !broken_) co_await changed_.wait();
    if (broken_) co_return;
    auto item = co_await read_item();
    if (item) take(*std::move(item));
    else cut(std::move(item).error());
  }
}

asio::awaitable<void> Connection::ping_loop() {
  while (co_await sleep_for(kPingEvery)) {
    if (broken_) co_return;
    const bool listening = waiting_.size() < kWaitingMost;
    if (listening && ++unanswered_pings_ > kPingsUnanswered) cut({.code = Code::unavailable, .message = "nats: stale connection"});
    duplex_->send("PING\r\n");
  }
}

void Connection::take(Item item) {
  unanswered_pings_ = 0;
  switch (item.kind) {
    case Kind::ping: duplex_->send("PONG\r\n"); return;
    case Kind::error: cut(told(item.text)); return;
    case Kind::message: break;
    default: return;
  }
  if (item.subscription == kMessages) {
    waiting_.push_back(std::move(item));
    changed_.pulse();
    return;
  }
  const auto found = requests_.find(item.subject);
  if (found == requests_.end()) return;  // its caller has given up
  found->second->answer = std::move(item);
  found->second->done.set();
  requests_.erase(found);
}

Async<Item> Connection::wait_for(std::shared_ptr<Waiter> waiter) {
  while (!waiter->done.is_set()) co_await waiter->done.wait();
  if (waiter->answer) co_return *std::move(waiter->answer);
  co_return fail(broken_.value_or(ended()));
}

Async<Item> Connection::request(std::string subject, std::string headers, std::string payload, std::chrono::milliseconds limit) {
  if (broken_) co_return fail(*broken_);
  if (!is_subject(subject)) co_return fail(Code::invalid_argument, "nats: invalid subject");
  if (payload_max_ > 0 && static_cast<std::int64_t>(payload.size() + headers.size()) > payload_max_) {
    co_return fail(Code::invalid_argument, "nats: maximum payload exceeded");
  }
  const auto reply = inbox_ + ".r." + std::to_string(++last_request_);
  const auto waiter = std::make_shared<Waiter>(executor_);
  struct Leave {
    Connection& self;
    const std::string& reply;
    ~Leave() { self.requests_.erase(reply); }
  } leave{*this, reply};
  requests_[reply] = waiter;
  duplex_->send(write_publish(subject, reply, headers, payload));
  auto answer = co_await within(limit, wait_for(waiter));
  if (!answer && answer.error().failure == Failure::timeout) answer.error().message = "nats: timeout";
  co_return answer;
}

void Connection::publish(std::string_view subject, std::string_view payload) {
  if (!broken_) duplex_->send(write_publish(subject, {}, {}, payload));
}

void Connection::subscribe(std::string_view subject, std::string_view group) {
  if (broken_) return;
  std::string line = "SUB " + std::string(subject) + ' ';
  if (!group.empty()) line.append(group) += ' ';
  duplex_->send(line + std::to_string(kMessages) + "\r\n");
}

void Connection::unsubscribe() {
  if (!broken_) duplex_->send("UNSUB " + std::to_string(kMessages) + "\r\n");
}

Async<Item> Connection::next() {
  while (waiting_.empty() && !broken_) co_await changed_.wait();
  if (waiting_.empty()) co_return fail(*broken_);
  auto item = std::move(waiting_.front());
  waiting_.pop_front();
  changed_.pulse();
  co_return item;
}

Async<void> Connection::flushed() {
  if (broken_) co_return fail(*broken_);
  co_return co_await duplex_->flushed();
}

std::string Connection::new_inbox() { return inbox_ + ".m"; }

void Connection::cut(Error why) {
  if (broken_) return;
  broken_ = std::move(why);
  if (duplex_ != nullptr) duplex_->cut();
  waiting_.clear();
  for (const auto& [reply, waiter] : requests_) waiter->done.set();
  changed_.pulse();
}

asio::awaitable<void> Connection::close() {
  if (!broken_) (void)co_await within(2s, duplex_->flushed());
  cut(ended());
  if (duplex_ != nullptr) co_await duplex_->close();
  co_await gate_.close(0s);
}

}  // namespace mecha::nats
