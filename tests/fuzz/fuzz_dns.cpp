// Messages of multicast DNS, which anyone on the network may send. What was read can be answered and written.

#include <cstddef>
#include <cstdint>

#include "components/nameresolution/mdns_records.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mecha::nameresolution;
  static const auto records = MdnsRecords::make({.app_id = "a", .name_space = {}, .host = "10.0.0.1", .internal_port = 1}, "h", 1);
  const auto message = dns::parse({reinterpret_cast<const char*>(data), size});
  if (!message) return 0;
  (void)mdns_entries(*message, "a");
  if (records) (void)records->answer(*message);
  const auto text = dns::write(*message);
  if (text && !dns::parse(*text)) __builtin_trap();
  return 0;
}
