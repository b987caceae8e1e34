// MQTT 3.1.1: packets come out the same however the bytes are cut; a message that was read is written and read back the same.

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "components/mqtt/packets.hpp"
#include "runtime/base/check.hpp"
#include "tests/fuzz/cut.hpp"

using namespace mecha;
using namespace mecha::mqtt;

namespace {

auto show(const Packet& packet) { return std::tuple(packet.type, packet.flags, packet.body); }

auto parts(const PublishPacket& p) { return std::tuple(p.topic, p.payload, p.qos, p.retain, p.duplicate, p.id); }

void use(const Packet& packet) {
  (void)packet_id(packet);
  const auto message = read_publish(packet);
  if (!message) return;
  PacketReader reader;
  reader.feed(write_publish(*message));
  const auto again = reader.next();
  MECHA_CHECK(again.has_value() && again->has_value());
  const auto read = read_publish(**again);
  MECHA_CHECK(read.has_value() && parts(*read) == parts(*message));
  const auto cut = message->payload.find('\n');
  (void)filter_matches(message->payload.substr(0, cut), message->topic);
  const bool wild = message->topic.find_first_of("+#") != std::string::npos || message->topic.starts_with("$share/");
  MECHA_CHECK(wild || filter_matches(message->topic, message->topic));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = fuzz::read_in_pieces(PacketReader(), bytes, bytes.size() + 1, show);
  MECHA_CHECK(fuzz::read_in_pieces(PacketReader(), bytes, data[0] % 16 + 1u, show) == whole);
  for (const auto& [type, flags, body] : whole.items) use({.type = type, .flags = flags, .body = body});
  return 0;
}
