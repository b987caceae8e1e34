// Router: the connections of one shard to several servers of which one is right for a command: a cluster, or the master
// that sentinels know. It keeps the map of who has what, follows MOVED and ASK, and waits a while when servers say that
// they cannot now. Internal to the driver.
//
// Lives on one shard. What was sent is sent again only after an answer that proves that the server did nothing.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/redis/server.hpp"
#include "components/redis/slot_map.hpp"
#include "runtime/async/event.hpp"

namespace mecha::redis {

// Commands for one server, in one piece: if one is refused, all are sent again.
struct Unit {
  std::vector<Command> commands;
  std::optional<Slot> slot;      // of all of them; any server if absent
  std::optional<Address> server; // this one whatever the slot, and no other
  bool slow = false;             // on the connection set apart
};
using Outcome = Result<std::vector<Reply>>;

class Router {
 public:
  // The gate outlives the router's background work. `switched` is called when the sentinels have another master.
  Router(Executor executor, Gate& gate, std::shared_ptr<const Options> options, std::function<void()> switched);

  // Units go out at once, each to its server; outcomes in their order, errors of the server among the replies.
  asio::awaitable<std::vector<Outcome>> run(std::vector<Unit> units);
  Async<std::vector<Reply>> run_one(Unit unit);

  // Who has the slot, or any server; fails when the map cannot be read.
  Async<Address> owner(std::optional<Slot> slot);
  Async<std::vector<Address>> masters();
  // Reads the map anew, once for all who ask meanwhile.
  Async<void> refresh();
  // The sentinels have named a master: connections to another one end.
  void master_is(SlotMap map);
  bool fresh() const;  // it was read within the last second
  // Takes in that a slot has another server.
  void learn(const Redirect& redirect);
  std::shared_ptr<const Options> options_of(const Address& address);
  void close();

 private:
  struct Trip;
  struct Batch;

  Async<void> known();
  void start_refresh();
  asio::awaitable<void> load();
  std::vector<Address> candidates();
  Async<SlotMap> ask_any();
  void adopt(SlotMap map);
  Server& server(const Address& address);
  const Address* pick(std::optional<Slot> slot);
  std::vector<Batch> sort(std::vector<Trip> trips, const std::vector<Unit>& units, std::vector<Outcome>& outcomes);
  asio::awaitable<void> deliver(Batch* batch, const std::vector<Unit>* units, std::vector<Outcome>* outcomes);
  bool judge(Trip& trip, const Batch& batch, const Unit& unit, const Outcome& outcome);

  Executor executor_;
  Gate& gate_;
  std::shared_ptr<const Options> options_;
  std::function<void()> switched_;
  SlotMap map_;
  std::map<Address, std::shared_ptr<Server>> servers_;
  std::optional<Error> failure_;  // of the last reading of the map
  std::optional<Address> answered_;  // who gave the map
  std::size_t sentinel_ = 0;         // who is asked next
  Event loaded_;
  std::chrono::steady_clock::time_point loaded_at_{};
  std::size_t turn_ = 0;
  bool loading_ = false;
  bool closed_ = false;
};

}  // namespace mecha::redis
