// Connection: one connection to a NATS server. It breaks once and whoever uses it opens another one.
//
// Lives on one shard. close() comes before its end, also after it broke.

#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/nats/protocol.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/net/authority.hpp"
#include "runtime/net/duplex.hpp"
#include "runtime/net/tls.hpp"

namespace mecha::nats {

struct Options {
  std::vector<net::Authority> servers;  // tried in this order
  std::shared_ptr<net::TlsContext> tls; // null: the system's authorities, where TLS is used
  bool secure = false;                  // TLS also where the server does not ask for it
  std::string token;
  std::string name;  // of the connection
};

// "nats://[user:password@|token@]host[:port]" or tls://, several separated by commas.
Result<Options> parse_servers(std::string_view urls);

class Connection {
 public:
  explicit Connection(Executor executor);

  // 30 s at most over all servers.
  static Async<std::shared_ptr<Connection>> open(Executor executor, std::shared_ptr<const Options> options);

  // A message and the one that answers it.
  Async<Item> request(std::string subject, std::string headers, std::string payload, std::chrono::milliseconds limit);
  void publish(std::string_view subject, std::string_view payload);
  // Messages of `subject` come out of next(). `group` empty: each subscriber gets every message.
  void subscribe(std::string_view subject, std::string_view group);
  void unsubscribe();
  // The next message of the subscription. Reading pauses while many wait here.
  Async<Item> next();
  Async<void> flushed();
  std::string new_inbox();

  bool broken() const { return broken_.has_value(); }
  const std::optional<Error>& why() const { return broken_; }
  void cut(Error why);
  asio::awaitable<void> close();

 private:
  struct Waiter {
    explicit Waiter(Executor executor) : done(std::move(executor)) {}
    Event done;
    std::optional<Item> answer;
  };

  Async<void> connect(std::shared_ptr<const Options> options, net::Authority server);
  Async<void> log_in(const Options& options, const net::Authority& server, bool secured);
  Async<Item> wait_for(std::shared_ptr<Waiter> waiter);
  Async<Item> read_item();
  asio::awaitable<void> read_loop();
  asio::awaitable<void> ping_loop();
  void take(Item item);
  void begin();

  Executor executor_;
  Gate gate_;
  std::unique_ptr<net::Duplex> duplex_;
  ItemReader items_;
  std::optional<Error> broken_;
  std::int64_t payload_max_ = 0;
  int unanswered_pings_ = 0;
  const std::string inbox_;
  std::uint64_t last_request_ = 0;
  std::map<std::string, std::shared_ptr<Waiter>, std::less<>> requests_;  // by reply subject
  std::deque<Item> waiting_;
  Event changed_;
};

}  // namespace mecha::nats
