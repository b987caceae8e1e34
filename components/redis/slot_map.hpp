// Which server of a cluster has which slot. A value; no I/O.

#pragma once

#include <map>
#include <vector>

#include "components/redis/slots.hpp"

namespace mecha::redis {

class SlotMap {
 public:
  // All slots at one server. A higher epoch is newer; 0 is unknown.
  static SlotMap whole(Address address, std::int64_t epoch);
  // From the reply to CLUSTER SLOTS; `asked` is who gave it, for entries without a host.
  static Result<SlotMap> read(const Reply& reply, const Address& asked);

  bool empty() const { return ranges_.empty(); }
  // Null where no server has the slot. Valid until the map changes.
  const Address* owner(Slot slot) const;
  // What a server said of one slot; counts until the map is read again.
  void learn(Slot slot, Address address) { moved_.insert_or_assign(slot, std::move(address)); }
  // True when another one is known to be newer.
  bool older_than(const SlotMap& other) const { return epoch_ != 0 && epoch_ < other.epoch_; }
  // Each server that has slots, once, in order.
  std::vector<Address> masters() const;

 private:
  struct Range {
    Slot first = 0, last = 0;
    Address address;
  };
  std::vector<Range> ranges_;  // in order
  std::map<Slot, Address> moved_;
  std::int64_t epoch_ = 0;
};

}  // namespace mecha::redis
