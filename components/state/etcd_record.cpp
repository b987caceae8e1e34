#include "components/state/etcd_record.hpp"

#include "runtime/base/wire.hpp"

namespace mecha::state {

using namespace std::chrono;

std::string write_etcd_record(const EtcdRecord& record) {
  const auto since = duration_cast<nanoseconds>(record.written.time_since_epoch()).count();
  std::string out, time, ttl;
  wire::number(time, 1, static_cast<std::uint64_t>(since / 1'000'000'000));
  wire::number(time, 2, static_cast<std::uint64_t>(since % 1'000'000'000));
  wire::number(ttl, 1, static_cast<std::uint64_t>(record.ttl));
  wire::bytes(out, 1, record.data);
  wire::bytes_always(out, 2, time);
  wire::bytes_always(out, 3, ttl);  // also when there is none
  return out;
}

std::optional<EtcdRecord> read_etcd_record(std::string_view bytes) {
  EtcdRecord record;
  std::int64_t seconds = 0, nanos = 0;
  wire::Reader reader(bytes);
  while (reader.next()) {
    if (reader.field() == 1) record.data = reader.text();
    if (reader.field() != 2 && reader.field() != 3) continue;
    wire::Reader inner(reader.bytes());
    while (inner.next()) {
      const auto value = static_cast<std::int64_t>(inner.number());
      if (reader.field() == 3 && inner.field() == 1) record.ttl = value;
      if (reader.field() == 2 && inner.field() == 1) seconds = value;
      if (reader.field() == 2 && inner.field() == 2) nanos = value;
    }
    if (!inner.ok()) return std::nullopt;
  }
  if (!reader.ok()) return std::nullopt;
  record.written = system_clock::time_point(std::chrono::seconds(seconds)) + duration_cast<system_clock::duration>(nanoseconds(nanos));
  return record;
}

}  // namespace mecha::state
