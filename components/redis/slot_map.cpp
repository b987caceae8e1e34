#include "components/redis/slot_map.hpp"

#include <algorithm>
#include <set>

namespace mecha::redis {
namespace {

std::unexpected<Error> unexpected_reply() {
  return fail(Code::unavailable, "redis: unexpected answer of CLUSTER SLOTS");
}

bool is_slot(const Reply& reply) {
  return reply.type == Reply::Type::integer && reply.integer >= 0 && reply.integer < kSlots;
}

}  // namespace

SlotMap SlotMap::whole(Address address, std::int64_t epoch) {
  SlotMap map;
  map.epoch_ = epoch;
  map.ranges_.push_back({.first = 0, .last = kSlots - 1, .address = std::move(address)});
  return map;
}

Result<SlotMap> SlotMap::read(const Reply& reply, const Address& asked) {
  if (!reply.is_array()) return unexpected_reply();
  SlotMap map;
  for (const auto& item : reply.items) {  // [first, last, [host, port, id], replicas..]
    if (item.items.size() < 3 || !is_slot(item.items[0]) || !is_slot(item.items[1])) return unexpected_reply();
    const auto& master = item.items[2].items;
    if (master.size() < 2 || master[1].type != Reply::Type::integer) return unexpected_reply();
    const auto port = master[1].integer;
    if (port < 1 || port > 65535) return unexpected_reply();
    Range range{
        .first = static_cast<Slot>(item.items[0].integer),
        .last = static_cast<Slot>(item.items[1].integer),
        .address = {.host = master[0].text, .port = static_cast<std::uint16_t>(port)}};
    // Empty or unknown: the way that led to this server leads to that one too.
    if (range.address.host.empty() || range.address.host == "?") range.address.host = asked.host;
    map.ranges_.push_back(std::move(range));
  }
  std::ranges::sort(map.ranges_, {}, &Range::first);
  return map;
}

const Address* SlotMap::owner(Slot slot) const {
  if (const auto it = moved_.find(slot); it != moved_.end()) return &it->second;
  const auto after = std::ranges::upper_bound(ranges_, slot, {}, &Range::first);
  if (after == ranges_.begin()) return nullptr;
  const auto& range = *std::prev(after);
  return slot <= range.last ? &range.address : nullptr;
}

std::vector<Address> SlotMap::masters() const {
  std::set<Address> once;
  for (const auto& range : ranges_) once.insert(range.address);
  return {once.begin(), once.end()};
}

}  // namespace mecha::redis
