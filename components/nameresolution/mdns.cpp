#include "components/nameresolution/mdns.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "components/nameresolution/mdns_records.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"

namespace mecha::nameresolution {
namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

constexpr auto kBrowse = 1s;     // how long a first look waits for an answer
constexpr auto kBelieved = 60s;  // an address, without hearing of it again
constexpr auto kOld = 30s;       // then asking for it starts a look in the background
constexpr std::size_t kIdsMax = 10000;
constexpr std::size_t kAddressesMax = 256;  // of one id

// A caller that waits for the end of a look; its timer belongs to its own shard.
struct Waiter {
  explicit Waiter(const Executor& executor) : executor(executor), timer(executor, kBrowse + 1s) {}
  Executor executor;
  asio::steady_timer timer;
  bool done = false;
  std::string address;
};

class Mdns final : public Resolver {
 public:
  Mdns(MdnsOptions options, Self self, const ComponentContext& context)
      : options_(options),
        self_(std::move(self)),
        home_(context.shards.executor(0)),
        gate_(home_),
        ip4_(home_),
        ip6_(home_) {}

  Async<void> start() override {
    std::array<char, 256> host{};
    ::gethostname(host.data(), host.size() - 1);
    MECHA_CO_TRY(records_, MdnsRecords::make(self_, host.data(), ::getpid()));
    const auto opened4 = ip4_.open(false, options_);
    const bool opened6 = !options_.loopback_only && ip6_.open(true, options_).has_value();
    if (!opened4 && !opened6) co_return fail(opened4.error());
    for (auto* socket : {&ip4_, &ip6_}) {
      if (socket->is_open()) spawn(gate_, home_, listen(*socket));
    }
    spawn(gate_, home_, announce());
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (records_) send(records_->goodbye());
    ip4_.close();
    ip6_.close();
    co_await gate_.close(0s);
    // What look() has posted holds on to us.
    co_await asio::post(home_, asio::use_awaitable);
    co_return Result<void>{};
  }

  Async<std::string> resolve(ResolveRequest request) override {
    auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor);
    {
      const std::lock_guard lock(mutex_);
      auto known = pick(request.id);
      if (known.stale) look(request.id);
      if (!known.address.empty()) co_return std::move(known.address);
      waiters_[request.id].push_back(waiter);
      look(request.id);
    }
    co_await waiter->timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!waiter->done) co_return fail(Code::unavailable, "timeout waiting for address for app id " + request.id);
    if (waiter->address.empty()) co_return fail(Code::not_found, "couldn't find service: " + request.id);
    co_return std::move(waiter->address);
  }

  void forget(const std::string& address) override {
    const std::lock_guard lock(mutex_);
    for (auto& [id, found] : found_) {
      std::erase_if(found.addresses, [&](const auto& entry) { return entry.address == address; });
    }
  }

 private:
  struct Address {
    std::string address;
    bool ip6;
    SteadyClock::time_point heard;
  };
  struct Found {
    std::vector<Address> addresses;  // IPv4 before IPv6
    std::size_t next = 0;
  };
  struct Pick {
    std::string address;
    bool stale = false;
  };

  // Under the lock: the next address in turn, of IPv4 as long as there is one.
  Pick pick(const std::string& id) {
    const auto it = found_.find(id);
    if (it == found_.end()) return {};
    auto& found = it->second;
    const auto now = SteadyClock::now();
    std::erase_if(found.addresses, [&](const auto& entry) { return now - entry.heard > kBelieved; });
    if (found.addresses.empty()) return {};
    const auto first6 = std::ranges::find_if(found.addresses, &Address::ip6);
    const auto four = static_cast<std::size_t>(first6 - found.addresses.begin());
    const auto& chosen = found.addresses[found.next++ % (four == 0 ? found.addresses.size() : four)];
    return {chosen.address, now - chosen.heard > kOld};
  }

  // Under the lock: starts one look for the id unless one is under way.
  void look(const std::string& id) {
    if (!looking_.insert(id).second) return;
    asio::post(home_, [this, id] {
      if (!spawn(gate_, home_, browse(id))) finish(id);
    });
  }

  asio::awaitable<void> browse(std::string id) {
    {
      const std::lock_guard lock(mutex_);
      if (found_.size() >= kIdsMax) found_.clear();
      found_.try_emplace(id);
    }
    const auto query = mdns_query(id);
    send(query);
    send(query);  // datagrams get lost
    asio::steady_timer timer(home_, kBrowse);
    browsing_[id] = &timer;
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    browsing_.erase(id);
    finish(id);
  }

  // Wakes whoever waits for the id; an empty address says that there is none.
  void finish(const std::string& id) {
    const std::lock_guard lock(mutex_);
    looking_.erase(id);
    const auto waiting = waiters_.extract(id);
    if (waiting.empty()) return;
    for (const auto& waiter : waiting.mapped()) {
      asio::post(waiter->executor, [waiter, address = pick(id).address] {
        waiter->done = true;
        waiter->address = address;
        waiter->timer.cancel();
      });
    }
  }

  asio::awaitable<void> announce() {
    for (const auto pause : {250ms, 250ms}) {
      send(records_->probe());
      if (!co_await sleep_for(pause)) co_return;
    }
    send(records_->announcement());
    if (!co_await sleep_for(1s)) co_return;
    send(records_->announcement());
    if (!co_await sleep_for(2s)) co_return;
    send(records_->announcement());
  }

  asio::awaitable<void> listen(MdnsSocket& socket) {
    MdnsSocket::Endpoint from;
    for (;;) {
      const auto bytes = co_await socket.receive(from);
      if (!socket.is_open()) co_return;
      // A datagram may report the loss of another.
      if (!bytes) {
        if (!co_await sleep_for(100ms)) co_return;
        continue;
      }
      const auto message = dns::parse(*bytes);
      if (!message) continue;
      learn(*message);
      if (const auto reply = records_->answer(*message)) give(socket, *reply, from);
    }
  }

  // Who asks from another port is no member of the group and hears unicast only.
  void give(MdnsSocket& socket, const MdnsRecords::Reply& reply, const MdnsSocket::Endpoint& from) {
    const auto packet = dns::write(reply.message);
    if (!packet) return;
    reply.unicast || from.port() != options_.port ? socket.send_to(*packet, from) : socket.send(*packet);
  }

  void learn(const dns::Message& message) {
    if ((message.flags & dns::kResponse) == 0) return;
    constexpr std::string_view domain = ".local.";
    const std::lock_guard lock(mutex_);
    for (const auto& record : message.answers) {
      if (record.type != dns::kPtr || !record.name.ends_with(domain)) continue;
      const auto known = found_.find(record.name.substr(0, record.name.size() - domain.size()));
      if (known == found_.end()) continue;
      for (const auto& entry : mdns_entries(message, known->first)) {
        keep(known->second, entry);
        const auto waiting = browsing_.find(known->first);
        if (waiting != browsing_.end() && !entry.gone) waiting->second->cancel();
      }
    }
  }

  static void keep(Found& found, const MdnsEntry& entry) {
    auto& all = found.addresses;
    const auto known = std::ranges::find(all, entry.address, &Address::address);
    if (entry.gone) {
      if (known != all.end()) all.erase(known);
    } else if (known != all.end()) {
      known->heard = SteadyClock::now();
    } else if (all.size() < kAddressesMax) {
      const auto place = entry.ip6 ? all.end() : std::ranges::find_if(all, &Address::ip6);
      all.insert(place, {entry.address, entry.ip6, SteadyClock::now()});
    }
  }

  void send(const dns::Message& message) {
    const auto packet = dns::write(message);
    if (!packet) return;
    for (auto* socket : {&ip4_, &ip6_}) {
      if (socket->is_open()) socket->send(*packet);
    }
  }

  MdnsOptions options_;
  Self self_;
  Executor home_;
  Gate gate_;
  MdnsSocket ip4_, ip6_;
  std::optional<MdnsRecords> records_;
  std::unordered_map<std::string, asio::steady_timer*> browsing_;  // on shard 0 only
  std::mutex mutex_;                                               // of all below
  std::unordered_map<std::string, Found> found_;
  std::unordered_set<std::string> looking_;
  std::unordered_map<std::string, std::vector<std::shared_ptr<Waiter>>> waiters_;
};

}  // namespace

std::unique_ptr<Resolver> make_mdns_with(MdnsOptions options, const Self& self, const ComponentContext& context) {
  return std::make_unique<Mdns>(options, self, context);
}

Result<std::unique_ptr<Resolver>> make_mdns(const json::Value&, const Self& self, const ComponentContext& context) {
  return make_mdns_with({}, self, context);
}

}  // namespace mecha::nameresolution
