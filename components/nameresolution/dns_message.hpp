// Messages of DNS (RFC 1035, 6762) as far as resolvers need them: PTR, SRV, TXT, A, AAAA. No I/O.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::nameresolution::dns {

inline constexpr std::uint16_t kA = 1, kPtr = 12, kTxt = 16, kAaaa = 28, kSrv = 33, kAny = 255;
inline constexpr std::uint16_t kInternet = 1;
// The highest bit of a class: in a question a wish for a unicast answer, in a record the end of older ones.
inline constexpr std::uint16_t kTopBit = 0x8000;
inline constexpr std::uint16_t kResponse = 0x8000, kAuthoritative = 0x0400;  // in Message::flags

// Names are texts with a dot at the end ("app.local."); a dot within a label is not told from one between labels.
struct Question {
  std::string name;
  std::uint16_t type = kPtr;
  std::uint16_t cls = kInternet;
};

struct Record {
  std::string name;
  std::uint16_t type = kPtr;
  std::uint16_t cls = kInternet;
  std::uint32_t ttl = 0;            // seconds
  std::string target;               // of PTR and SRV
  std::uint16_t port = 0;           // of SRV; priority and weight are 0
  std::vector<std::string> texts;   // of TXT
  std::string address;              // of A and AAAA: 4 or 16 bytes
};

struct Message {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::vector<Question> questions;
  std::vector<Record> answers, authorities, additionals;
};

// Records of other types are passed over. Fails on anything malformed; never reads beyond `bytes`.
Result<Message> parse(std::string_view bytes);
// Fails when a label has more than 63 bytes or a name more than 255.
Result<std::string> write(const Message& message);

bool same_name(std::string_view a, std::string_view b);  // ASCII case does not count

}  // namespace mecha::nameresolution::dns
