#include "components/redis/router.hpp"

#include <algorithm>

#include "runtime/async/parallel.hpp"
#include "runtime/async/within.hpp"

namespace mecha::redis {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr int kRedirectsMax = 8;  // in a row, without a pause
constexpr milliseconds kFirstPause = 10ms;
constexpr milliseconds kPatience = 3s;  // of who has no limit on an answer

std::unexpected<Error> not_served() { return fail(Code::unknown, "CLUSTERDOWN Hash slot not served"); }

// How long a call goes on asking: as long as it may take to answer one that is not refused.
class Patience {
 public:
  explicit Patience(const Options& options)
      : end_(Clock::now() + (options.read_timeout.count() > 0 ? options.read_timeout : kPatience)),
        longest_(std::max(options.retry_max, kFirstPause)) {}

  // False when it has come to its end, or the caller was cancelled.
  asio::awaitable<bool> pause() {
    if (Clock::now() + pause_ > end_) co_return false;
    const bool slept = co_await sleep_for(pause_);
    pause_ = std::min(pause_ * 2, longest_);
    co_return slept;
  }

 private:
  Clock::time_point end_;
  milliseconds pause_ = kFirstPause;
  milliseconds longest_;
};

}  // namespace

// One unit on its way.
struct Router::Trip {
  std::size_t unit = 0;
  std::optional<Address> ask;  // where it goes this once
  int redirects = 0;
  bool refused = false;  // or could not be sent: a pause comes first
};

// What goes to one connection of a server in one piece.
struct Router::Batch {
  std::shared_ptr<Server> server;
  bool slow = false;
  std::vector<Trip> trips;
};

Router::Router(Executor executor, Gate& gate, std::shared_ptr<const Options> options, std::function<void()> switched)
    : executor_(executor),
      gate_(gate),
      options_(std::move(options)),
      switched_(std::move(switched)),
      loaded_(executor) {}

asio::awaitable<std::vector<Outcome>> Router::run(std::vector<Unit> units) {
  std::vector<Outcome> outcomes(units.size());
  std::vector<Trip> trips(units.size());
  for (std::size_t i = 0; i < trips.size(); ++i) trips[i].unit = i;
  Patience patience(*options_);
  while (!trips.empty()) {
    const auto ready = co_await known();
    std::vector<Trip> again;
    if (ready) {
      auto batches = sort(std::move(trips), units, outcomes);
      co_await for_each_parallel(batches.size(), batches.size(), [&](std::size_t i) {
        return deliver(&batches[i], &units, &outcomes);
      });
      for (auto& batch : batches) {
        for (auto& trip : batch.trips) {
          if (judge(trip, batch, units[trip.unit], outcomes[trip.unit])) again.push_back(std::move(trip));
        }
      }
    } else {
      for (auto& trip : trips) {
        outcomes[trip.unit] = fail(ready.error());
        trip.refused = true;
      }
      if (ready.error().failure == Failure::never_sent && !closed_) again = std::move(trips);
    }
    trips = std::move(again);
    if (std::ranges::none_of(trips, &Trip::refused)) continue;
    if (options_->attempts == 1 || !co_await patience.pause()) break;
    (void)co_await refresh();
  }
  co_return outcomes;
}

Async<std::vector<Reply>> Router::run_one(Unit unit) {
  std::vector<Unit> one;
  one.push_back(std::move(unit));
  auto outcomes = co_await run(std::move(one));
  co_return std::move(outcomes.front());
}

std::vector<Router::Batch> Router::sort(
    std::vector<Trip> trips, const std::vector<Unit>& units, std::vector<Outcome>& outcomes
) {
  std::vector<Batch> batches;
  for (auto& trip : trips) {
    const auto& unit = units[trip.unit];
    const auto* address = trip.ask ? &*trip.ask : unit.server ? &*unit.server : pick(unit.slot);
    outcomes[trip.unit] = not_served();
    std::shared_ptr<Server> to;
    if (address) {
      server(*address);
      to = servers_.at(*address);
    }
    auto it = std::ranges::find_if(batches, [&](const Batch& b) { return b.server == to && b.slow == unit.slow; });
    if (it == batches.end()) it = batches.insert(it, Batch{.server = to, .slow = unit.slow, .trips = {}});
    it->trips.push_back(std::move(trip));
  }
  return batches;
}

asio::awaitable<void> Router::deliver(Batch* batch, const std::vector<Unit>* units, std::vector<Outcome>* outcomes) {
  if (!batch->server) co_return;
  std::vector<Command> all;
  for (const auto& trip : batch->trips) {
    if (trip.ask) all.emplace_back("ASKING");
    for (const auto& command : (*units)[trip.unit].commands) all.push_back(command);
  }
  auto& line = batch->slow ? batch->server->slow() : batch->server->pick();
  auto replies = co_await line.send(std::move(all));
  std::size_t at = 0;
  for (const auto& trip : batch->trips) {
    if (!replies) {
      (*outcomes)[trip.unit] = fail(replies.error());
      continue;
    }
    if (trip.ask) ++at;
    const auto count = (*units)[trip.unit].commands.size();
    const auto first = std::make_move_iterator(replies->begin() + static_cast<std::ptrdiff_t>(at));
    (*outcomes)[trip.unit] = std::vector<Reply>(first, first + static_cast<std::ptrdiff_t>(count));
    at += count;
  }
}

// True when the unit has to go out again; the trip says how.
bool Router::judge(Trip& trip, const Batch& batch, const Unit& unit, const Outcome& outcome) {
  trip.ask.reset();
  trip.refused = false;
  if (closed_) return false;
  if (!outcome) {
    const auto& error = outcome.error();
    trip.refused = is_refusal(error.message) ||
                   (error.failure == Failure::never_sent && error.code != Code::resource_exhausted);
    return trip.refused && !unit.server;
  }
  for (const auto& reply : *outcome) {
    if (!reply.is_error()) continue;
    if (auto redirect = read_redirect(reply.text)) {
      if (redirect->to.host.empty()) redirect->to.host = batch.server->options()->host;
      trip.refused = ++trip.redirects > kRedirectsMax;
      if (redirect->ask) trip.ask = std::move(redirect->to);
      else learn(*redirect);
      return true;
    }
    if (is_refusal(reply.text)) return trip.refused = true;
  }
  return false;
}

const Address* Router::pick(std::optional<Slot> slot) {
  if (slot) return map_.owner(*slot);
  // No key: each server in turn, as any does.
  turn_ = (turn_ + 4099) % kSlots;
  return map_.owner(static_cast<Slot>(turn_));
}

Server& Router::server(const Address& address) {
  auto& entry = servers_[address];
  if (!entry) {
    entry = std::make_shared<Server>(executor_, gate_, std::make_shared<const Options>(options_at(*options_, address)));
    if (closed_) entry->close();
  }
  return *entry;
}

std::shared_ptr<const Options> Router::options_of(const Address& address) { return server(address).options(); }

void Router::close() {
  closed_ = true;
  for (const auto& [address, entry] : servers_) entry->close();
}

}  // namespace mecha::redis
