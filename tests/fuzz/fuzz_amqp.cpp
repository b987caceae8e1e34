// AMQP 0-9-1: frames come out the same however the bytes are cut; headers of messages are written and read back the same.

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "components/rabbitmq/frames.hpp"
#include "components/rabbitmq/properties.hpp"
#include "runtime/base/check.hpp"
#include "tests/fuzz/cut.hpp"

using namespace mecha;
using namespace mecha::rabbitmq;

namespace {

constexpr std::size_t kFrameMax = 4096;

auto show(const Frame& frame) { return std::tuple(frame.type, frame.channel, frame.payload); }

// What a consumer does with a header, and what a publisher would make of it.
void use(const ContentHeader& header) {
  auto metadata = incoming_metadata(header.properties);
  for (const auto* name : {"ttl", "priority", "contentType"}) metadata[name] = header.properties.type.value_or("");
  const auto written = write_message(1, "e", "k", outgoing_properties(metadata, {}), "body", kFrameMax);
  const auto frames = fuzz::read_in_pieces(FrameReader(kFrameMax), written, written.size(), show);
  MECHA_CHECK(frames.error.empty() || written.size() > kFrameMax);
}

void read_methods(std::string_view payload) {
  Reader fields(payload);
  (void)fields.u32();
  (void)fields.short_text();
  (void)fields.u64();
  (void)fields.u8();
  (void)fields.short_text();
  (void)fields.texts();
  (void)fields.long_text();
  (void)fields.ok();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = fuzz::read_in_pieces(FrameReader(kFrameMax), bytes, bytes.size() + 1, show);
  MECHA_CHECK(fuzz::read_in_pieces(FrameReader(kFrameMax), bytes, data[0] % 16 + 1u, show) == whole);
  for (const auto& [type, channel, payload] : whole.items) {
    read_methods(payload);
    if (const auto header = read_header(payload)) use(*header);
  }
  read_methods(bytes);
  if (const auto header = read_header(bytes)) use(*header);
  return 0;
}
