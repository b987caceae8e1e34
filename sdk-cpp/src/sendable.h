// What may go to gRPC: it ends the program over a header that it cannot send, and protobuf sends
// text that no reader takes. Everything that comes from outside passes here first.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mecha/context.h"
#include "mecha/result.h"

namespace google::protobuf {
class Message;
}

namespace mecha::wire {

/// Whether a header can carry this text: printable ASCII.
bool is_header_value(std::string_view text) noexcept;

/// The entries with their keys in lower case. Fails with `invalid_argument` for a key or a value
/// that cannot be sent, and for a key that belongs to gRPC; the message names the key.
Result<Metadata> headers_of(const Metadata& entries);

/// The parts of a trace that can be sent. The others are dropped, as W3C asks for; the state of a
/// vendor goes with its parent.
TraceContext sendable(const TraceContext& trace);

bool is_utf8(std::string_view text) noexcept;

inline Error not_utf8() {
  return fail(Code::invalid_argument, "a name, a key or another text of the call is not UTF-8");
}

/// The text that a message cannot carry, if any; bytes are not looked at.
std::optional<Error> text_problem(const google::protobuf::Message& message);

/// Empty, or PEM; a failure names a path that was given instead, but nothing else of the text.
Result<void> check_pem(const char* name, const std::string& text);

/// A token as a header; `from` says where it stands. A variable may end with one line break, as a
/// file from which it was read does.
Result<std::string> token_of(std::string token, const char* from, bool is_variable);

}  // namespace mecha::wire
