// The part of Router that finds out who has what.

#include <algorithm>

#include "components/redis/dial.hpp"
#include "components/redis/router.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/wire.hpp"

namespace mecha::redis {
namespace {

using namespace std::chrono_literals;

// A server that is asked for the map and says nothing for so long is passed over.
constexpr milliseconds kAskLimit = 2s;
// The map is not read again so soon only because a slot moved: the server named the new one.
constexpr auto kFresh = 1s;

Async<SlotMap> ask(std::shared_ptr<const Options> options) {
  MECHA_CO_TRY(const auto wire, co_await dial(options));
  MECHA_CO_TRY(auto answer, co_await exchange(*wire, Command("CLUSTER", "SLOTS")));
  MECHA_CO_TRY(const auto reply, checked(std::move(answer)));
  co_return SlotMap::read(reply, *options);
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

// Who answered last comes first, then the other servers, then those of the settings.
Async<SlotMap> Router::ask_any() {
  std::vector<Address> candidates;
  if (answered_) candidates.push_back(*answered_);
  for (const auto& address : map_.masters()) candidates.push_back(address);
  for (const auto& address : options_->hosts) candidates.push_back(address);
  Result<SlotMap> map = fail(Code::unavailable, "redis: no server of the cluster is known");
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (std::find(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(i), candidates[i]) !=
        candidates.begin() + static_cast<std::ptrdiff_t>(i)) {
      continue;
    }
    auto got = co_await within(kAskLimit, ask(std::make_shared<const Options>(options_at(*options_, candidates[i]))));
    if (got && !got->empty()) {
      answered_ = candidates[i];
      co_return got;
    }
    map = got ? fail(Code::unavailable, "redis: no server of the cluster has a slot") : std::move(got);
  }
  answered_.reset();
  co_return map;
}

// Connections to servers that have nothing any more are closed when nobody waits on them.
void Router::adopt(SlotMap map) {
  map_ = std::move(map);
  loaded_at_ = std::chrono::steady_clock::now();
  const auto masters = map_.masters();
  std::erase_if(servers_, [&](const auto& entry) {
    if (std::ranges::find(masters, entry.first) != masters.end() || entry.second->load() > 0) return false;
    entry.second->close();
    return true;
  });
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
