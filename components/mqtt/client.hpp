// Client: one session at an MQTT 3.1.1 broker, for publishing and subscribing. It connects again by itself; with a session
// that the broker keeps, what was under way on either side goes on from there.
//
// Lives on its home shard: all calls come from there. A message of QoS 1 or 2 is acknowledged when whoever took it settles
// it as handled. One that failed is handed out again after a pause, so that failures never use up the broker's window.
// Messages that no subscription takes wait for one: after a restart they arrive before it. close() comes before its end.

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "components/component.hpp"
#include "components/mqtt/packets.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/net/duplex.hpp"

namespace mecha::mqtt {

struct Options {
  std::string host;
  std::uint16_t port = 1883;
  std::optional<std::string> username, password;
  std::shared_ptr<net::TlsContext> tls;
  std::string client_id;
  bool clean_session = false;
};

struct Certificates {
  std::string ca, certificate;
  Secret key;
};
// From "tcp://user:password@host:port"; the schemes ssl, tls, mqtts and tcps mean TLS. Without client id.
Result<Options> make_options(std::string_view url, const Certificates& certificates);

struct Incoming {
  PublishPacket message;
  std::uint64_t connection = 0;
};

class Client {
 public:
  using Sink = std::function<void(Incoming)>;  // must not block; leads to one settle() per message

  Client(Executor home, Options options, Log log);

  // The first connection; from then on the client keeps itself connected.
  Async<void> connect();
  // Returns when the broker has the message as its QoS demands; 20 s at most.
  Async<void> publish(std::string topic, std::string payload, std::uint8_t qos, bool retain);
  // Returns when the broker has accepted the subscription.
  Async<void> subscribe(std::string filter, std::uint8_t qos, Sink sink);
  // Hands nothing more to the sink. With `forget` the broker forgets the subscription, too.
  asio::awaitable<void> unsubscribe(std::string filter, bool forget);
  // What became of a message.
  void settle(Incoming incoming, bool handled);
  asio::awaitable<void> close();

 private:
  struct Pending {
    explicit Pending(Executor executor) : done(std::move(executor)) {}
    PublishPacket publish;    // of a message; sent again on the next connection
    bool is_publish = false, released = false;  // released: PUBREC has come
    std::string request;      // of anything else
    Event done;
    std::optional<Error> failed;
  };
  struct Subscribed {
    Sink sink;  // empty: paused, the broker goes on collecting
    std::uint8_t qos = 0;
  };

  asio::awaitable<void> run();
  Async<void> open();
  Async<void> serve();
  asio::awaitable<void> keep_alive();
  Async<Packet> read_packet();
  Result<void> take(const Packet& packet);
  Result<void> take_publish(const Packet& packet);
  void hand_out(Incoming incoming);
  Subscribed* taker_of(std::string_view topic);
  void drop_strays();
  void resume();
  void finish(std::uint16_t id, std::optional<Error> failed);
  Async<void> exchange(std::shared_ptr<Pending> pending, std::uint16_t id);
  Result<std::uint16_t> free_id();
  void acknowledge(const Incoming& incoming);
  asio::awaitable<void> hand_out_later(Incoming incoming);

  Executor home_;
  const Options options_;
  const Log log_;
  Gate gate_;
  std::unique_ptr<net::Duplex> duplex_;
  PacketReader packets_;
  bool connected_ = false, closed_ = false, session_present_ = false;
  std::uint64_t connection_ = 0;  // number of the present one
  std::chrono::steady_clock::time_point heard_{}, subscribed_at_{};
  std::uint16_t last_id_ = 0;
  std::map<std::uint16_t, std::shared_ptr<Pending>> pending_;
  Semaphore exactly_once_;            // messages of QoS 2 on their way to the broker
  std::set<std::uint16_t> received_;  // QoS 2: handled, and not released by the broker yet
  std::map<std::string, Subscribed, std::less<>> subscriptions_;
  std::deque<Incoming> strays_;       // no subscription takes them yet
  std::size_t unsettled_ = 0;
  Event changed_;
};

}  // namespace mecha::mqtt
