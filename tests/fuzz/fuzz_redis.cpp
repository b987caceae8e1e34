// What is ours around the reader of replies: the tree of replies however the bytes are cut, the map of a cluster's slots, words
// that point elsewhere, and commands, which read back as what they were made of.

#include <cstddef>
#include <cstdint>
#include <string>

#include "components/redis/parser.hpp"
#include "components/redis/slot_map.hpp"
#include "components/redis/slots.hpp"
#include "runtime/base/check.hpp"
#include "tests/fuzz/cut.hpp"

using namespace mecha;
using namespace mecha::redis;

namespace {

// A parser that can be handed over.
class Reader {
 public:
  void feed(std::string_view bytes) { parser_->feed(bytes); }
  Result<std::optional<Reply>> next() { return parser_->next(); }

 private:
  std::unique_ptr<Parser> parser_ = std::make_unique<Parser>();
};

std::string show(const Reply& reply) {
  std::string out = std::to_string(static_cast<int>(reply.type)) + ':' + reply.as_text() + '[';
  for (const auto& item : reply.items) out += show(item) + ',';
  return out += ']';
}

void use(const Reply& reply) {
  const Address asked{.host = "asked", .port = 1};
  if (const auto map = SlotMap::read(reply, asked)) {
    for (const int slot : {0, 1, 8191, kSlots - 1}) {
      const auto* owner = map->owner(static_cast<Slot>(slot));
      MECHA_CHECK(owner == nullptr || (!owner->host.empty() && owner->port != 0));
    }
    MECHA_CHECK(map->masters().size() <= reply.items.size());
  }
  if (const auto moved = read_redirect(reply.text)) MECHA_CHECK(moved->slot < kSlots);
  (void)is_refusal(reply.text);
  (void)checked(reply);
}

void write_and_read(std::string_view bytes) {
  const auto half = bytes.size() / 2;
  const Command command("SET", bytes.substr(0, half), bytes.substr(half));
  MECHA_CHECK(command.argument(1) == bytes.substr(0, half) && command.argument(2) == bytes.substr(half));
  MECHA_CHECK(!command.argument(3));
  const auto slot = slot_of(command);
  MECHA_CHECK(slot && *slot == slot_of(bytes.substr(0, half)) && *slot < kSlots);
  std::string out;
  command.append_to(out);
  Parser parser;
  parser.feed(out);
  const auto reply = parser.next();
  MECHA_CHECK(reply && *reply && (*reply)->items.size() == 3 && (*reply)->items[2].text == bytes.substr(half));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = fuzz::read_in_pieces(Reader(), bytes, bytes.size() + 1, show);
  const auto cut = fuzz::read_in_pieces(Reader(), bytes, data[0] % 16 + 1u, show);
  MECHA_CHECK(cut.items == whole.items);
  Parser parser;
  parser.feed(bytes);
  for (auto reply = parser.next(); reply && *reply; reply = parser.next()) use(**reply);
  write_and_read(bytes);
  return 0;
}
