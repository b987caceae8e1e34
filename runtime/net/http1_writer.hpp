// Heads of HTTP/1.1 messages as bytes. Names get canonical capitals as the reference's; what would break the framing
// (line ends in values, names that are no tokens) never leaves.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/net/message.hpp"

namespace mecha::net {

enum class Framing : std::uint8_t { none, length, chunked, until_close };

// Fields of `headers` but Content-Length and Transfer-Encoding, which follow from the framing. Returns whether there
// was a Connection field, and sets `close` if it says so.
struct WrittenFields {
  bool connection = false, close = false, date = false;
};
WrittenFields append_fields(std::string& out, const Headers& headers);

void append_framing(std::string& out, Framing framing, std::uint64_t length);
void append_status_line(std::string& out, unsigned status);
// "Thu, 26 Nov 2026 21:00:00 GMT" of now; made once a second and thread.
std::string_view http_date();
void append_number(std::string& out, std::uint64_t number);
void append_chunk_line(std::string& out, std::size_t size);

// Request line, Host, fields, framing and the empty line. Fails on a method that is no token.
bool append_request(std::string& out, const RequestHead& head, std::string_view host);
Framing request_framing(const RequestHead& head);

}  // namespace mecha::net
