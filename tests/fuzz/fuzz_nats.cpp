// NATS: items come out the same however the bytes are cut; a message that was read is one that could have been written.

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "components/nats/protocol.hpp"
#include "runtime/base/check.hpp"
#include "tests/fuzz/cut.hpp"

using namespace mecha;
using namespace mecha::nats;

namespace {

auto show(const Item& item) {
  return std::tuple(item.kind, item.text, item.subject, item.reply, item.headers, item.subscription);
}

void use(const Item& item) {
  (void)item.status();
  const auto id = item.header("Nats-Msg-Id");
  MECHA_CHECK(id.find("\r\n") == std::string_view::npos);
  (void)is_subject(item.text);
  if (item.kind != Kind::message || !is_subject(item.subject)) return;
  const auto written = write_publish(item.subject, item.reply, item.headers, item.text);
  MECHA_CHECK(written.starts_with(item.headers.empty() ? "PUB " : "HPUB ") && written.ends_with("\r\n"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = fuzz::read_in_pieces(ItemReader(), bytes, bytes.size() + 1, show);
  MECHA_CHECK(fuzz::read_in_pieces(ItemReader(), bytes, data[0] % 16 + 1u, show) == whole);
  for (const auto& [kind, text, subject, reply, headers, subscription] : whole.items) {
    use({.kind = kind, .text = text, .subject = subject, .reply = reply, .headers = headers, .subscription = subscription});
  }
  return 0;
}
