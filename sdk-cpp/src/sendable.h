// What may go to gRPC: it ends the program over a header that it cannot send, and protobuf sends
// text that no reader takes. Everything that comes from outside passes here first.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mecha/context.h"
#include "mecha/result.h"

namespace google::protobuf {
class Descriptor;
class FieldDescriptor;
class Message;
class Reflection;
}  // namespace google::protobuf

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

/// Which fields of a kind of message are text, and in which there may be some: found once, for to
/// look through all fields of each message would be a third of what the SDK costs. Immutable.
class TextFields {
 public:
  explicit TextFields(const google::protobuf::Descriptor* of) : all_(&fields_of(of)) {}
  TextFields(const TextFields&) = delete;
  TextFields& operator=(const TextFields&) = delete;

  bool are_utf8(const google::protobuf::Message& message) const { return are_utf8(message, *all_); }

 private:
  struct Field;
  using Fields = std::vector<Field>;
  struct Field {
    const google::protobuf::FieldDescriptor* field;
    bool many;
    const Fields* inside;  ///< Of a message; null for text.
  };

  const Fields& fields_of(const google::protobuf::Descriptor* message);
  static bool are_utf8(const google::protobuf::Message& message, const Fields& fields);
  static bool is_utf8(
      const google::protobuf::Message& message,
      const google::protobuf::Reflection& reflection,
      const Field& field
  );

  std::map<const google::protobuf::Descriptor*, Fields> known_;
  const Fields* all_;
};

/// The text that a message cannot carry, if any; bytes are not looked at.
template <class Message>
std::optional<Error> text_problem(const Message& message) {
  // Never destroyed: threads that are left behind look at it while the program ends.
  static const auto& fields = *new TextFields(Message::descriptor());
  if (fields.are_utf8(message)) return std::nullopt;
  return not_utf8();
}

/// Empty, or PEM; a failure names a path that was given instead, but nothing else of the text.
Result<void> check_pem(const char* name, const std::string& text);

/// A token as a header; `from` says where it stands. A variable may end with one line break, as a
/// file from which it was read does.
Result<std::string> token_of(std::string token, const char* from, bool is_variable);

}  // namespace mecha::wire
