// The part of Router that finds out who has what.

#include <algorithm>

#include "components/redis/dial.hpp"
#include "components/redis/router.hpp"
#include "components/redis/sentinel.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/wire.hpp"

namespace mecha::redis {
namespace {

using namespace std::chrono_literals;

// A server that is asked for the map and says nothing for so long is passed over.
constexpr milliseconds kAskLimit = 2s;
// The map is not read again so soon only because a slot moved: the server named the new one.
constexpr auto kFresh = 1s;

Async<SlotMap> ask_server(std::shared_ptr<const Options> options) {
  MECHA_CO_TRY(const auto wire, co_await dial(options));
  MECHA_CO_TRY(auto answer, co_await exchange(*wire, Command("CLUSTER", "SLOTS")));
  MECHA_CO_TRY(const auto reply, checked(std::move(answer)));
  co_return SlotMap::read(reply, *options);
}

Async<SlotMap> ask_sentinel(std::shared_ptr<const Options> options) {
  MECHA_CO_TRY(auto master, co_await ask_for_master(std::move(options)));
  co_return SlotMap::whole(std::move(master.address), master.epoch);
}

Async<SlotMap> ask(const Options& options, const Address& address) {
  if (options.topology == Topology::cluster) return ask_server(std::make_shared<const Options>(options_at(options, address)));
  return ask_sentinel(std::make_shared<const Options>(sentinel_options_at(options, address)));
}

}  // namespace

Async<void> Router::known() {
  if (!map_.empty()) co_return Result<void>{};
  co_return co_await refresh();
}

Async<void> Router::refresh() {
  start_refresh();
  while (loading_) co_await loaded_.wait();
  if (failure_) co_return fail(*failure_);
  co_return Result<void>{};
}

void Router::start_refresh() {
  if (loading_) return;
  loading_ = true;  // before the spawn, which may run to the end at once
  if (spawn(gate_, executor_, load())) return;
  loading_ = false;
  failure_ = Error{.code = Code::unavailable, .message = "redis: client is closed", .failure = Failure::never_sent};
}

asio::awaitable<void> Router::load() {
  struct End {
    Router& router;
    ~End() {
      router.loading_ = false;
      router.loaded_.pulse();
    }
  } const end{*this};
  failure_ = Error{.code = Code::cancelled, .message = "context canceled"};
  auto map = co_await ask_any();
  if (map) {
    failure_.reset();
    adopt(*std::move(map));
  } else {
    failure_ = std::move(map).error();
    if (!is_server_error(*failure_) || is_refusal(failure_->message)) failure_->failure = Failure::never_sent;
  }
}

// Of a cluster who answered last comes first, then the other servers, then those of the settings. Sentinels take turns:
// one that is cut off from the others knows of no change.
std::vector<Address> Router::candidates() {
  std::vector<Address> list;
  const auto add = [&](const Address& address) {
    if (std::ranges::find(list, address) == list.end()) list.push_back(address);
  };
  if (options_->topology == Topology::sentinel) {
    const auto count = options_->hosts.size();
    for (std::size_t i = 0; i < count; ++i) add(options_->hosts[(sentinel_ + i) % count]);
    sentinel_ = (sentinel_ + 1) % count;
    return list;
  }
  if (answered_) add(*answered_);
  for (const auto& address : map_.masters()) add(address);
  for (const auto& address : options_->hosts) add(address);
  return list;
}

Async<SlotMap> Router::ask_any() {
  const auto list = candidates();
  Result<SlotMap> map = fail(Code::unavailable, "redis: no server is known");
  for (const auto& address : list) {
    auto got = co_await within(kAskLimit, ask(*options_, address));
    if (got && got->older_than(map_)) {  // counts where no other knows more: they may have begun anew
      if (!map) map = std::move(got);
      continue;
    }
    if (got && !got->empty()) {
      answered_ = address;
      co_return got;
    }
    if (map) continue;
    map = got ? fail(Code::unavailable, "redis: no server of the cluster has a slot") : std::move(got);
  }
  answered_.reset();
  co_return map;
}

// Connections to servers that have nothing any more are closed when nobody waits on them; to a master that was, at once:
// what waits there may wait for ever.
void Router::adopt(SlotMap map) {
  const bool one = options_->topology == Topology::sentinel;
  const bool other = one && !map_.empty() && *map_.owner(0) != *map.owner(0);
  map_ = std::move(map);
  loaded_at_ = std::chrono::steady_clock::now();
  const auto masters = map_.masters();
  std::erase_if(servers_, [&](const auto& entry) {
    if (std::ranges::find(masters, entry.first) != masters.end() || (!one && entry.second->load() > 0)) return false;
    entry.second->close();
    return true;
  });
  if (other) switched_();
}

void Router::master_is(SlotMap map) {
  if (!map_.empty() && !map.older_than(map_)) adopt(std::move(map));
}

void Router::learn(const Redirect& redirect) {
  if (!redirect.ask) map_.learn(redirect.slot, redirect.to);
  if (!fresh()) start_refresh();
}

bool Router::fresh() const { return std::chrono::steady_clock::now() - loaded_at_ < kFresh; }

Async<Address> Router::owner(std::optional<Slot> slot) {
  MECHA_CO_TRY_VOID(co_await known());
  const auto* address = pick(slot);
  if (!address) co_return fail(Code::unavailable, "CLUSTERDOWN Hash slot not served");
  co_return *address;
}

Async<std::vector<Address>> Router::masters() {
  MECHA_CO_TRY_VOID(co_await known());
  co_return map_.masters();
}

}  // namespace mecha::redis
