#include "components/redis/slots.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/text.hpp"

namespace mecha::redis {
namespace {

// CRC-16/XMODEM: polynomial 0x1021, from 0.
constexpr std::array<std::uint16_t, 256> make_table() {
  std::array<std::uint16_t, 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    unsigned crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc << 1) ^ ((crc & 0x8000) != 0 ? 0x1021u : 0u);
    table[byte] = static_cast<std::uint16_t>(crc);
  }
  return table;
}
constexpr auto kTable = make_table();

std::string_view hashed_part(std::string_view key) {
  const auto open = key.find('{');
  if (open == std::string_view::npos) return key;
  const auto close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

// Where the first key of a command stands; 0 if it has none.
std::size_t key_position(std::string_view name) {
  constexpr std::array<std::string_view, 13> kWithoutKey{
      "PING", "INFO", "SCRIPT", "SCAN", "KEYS", "CONFIG", "CLIENT", "WAIT", "MULTI", "EXEC", "ROLE", "CLUSTER", "ASKING"};
  if (std::ranges::find(kWithoutKey, name) != kWithoutKey.end() || name.starts_with("FT.")) return 0;
  if (name == "EVAL" || name == "EVALSHA") return 3;
  return name == "XGROUP" ? 2 : 1;
}

}  // namespace

Slot slot_of(std::string_view key) {
  unsigned crc = 0;
  for (const char c : hashed_part(key)) crc = ((crc << 8) & 0xffff) ^ kTable[(crc >> 8) ^ static_cast<unsigned char>(c)];
  return static_cast<Slot>(crc % kSlots);
}

std::optional<Slot> slot_of(const Command& command) {
  const auto position = key_position(command.argument(0).value_or(""));
  if (position == 0) return std::nullopt;
  const auto key = command.argument(position);
  return key ? std::optional(slot_of(*key)) : std::nullopt;
}

std::optional<Redirect> read_redirect(std::string_view error) {
  const bool ask = error.starts_with("ASK ");
  if (!ask && !error.starts_with("MOVED ")) return std::nullopt;
  const auto words = text::split(error, ' ');
  if (words.size() < 3) return std::nullopt;
  const auto slot = text::to_uint(words[1]);
  auto to = parse_address(words[2]);
  if (!slot || *slot >= kSlots || !to) return std::nullopt;
  return Redirect{.ask = ask, .slot = static_cast<Slot>(*slot), .to = *std::move(to)};
}

// A script that meets a read-only server fails with its first write; servers before version 7 wrap the words.
bool is_refusal(std::string_view error) {
  for (const std::string_view word : {"TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY"}) {
    if (error.starts_with(word)) return true;
  }
  return error.find("-READONLY ") != std::string_view::npos;
}

}  // namespace mecha::redis
