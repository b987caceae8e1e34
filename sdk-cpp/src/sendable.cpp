// What may go to gRPC and what may not.

#include "src/sendable.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace mecha::wire {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

namespace {

// A sidecar drops what is longer (W3C: 8192 bytes of baggage).
constexpr std::size_t trace_part_max = 8192;

constexpr std::array<std::string_view, 4> of_grpc{"content-type", "host", "te", "user-agent"};

char lower(char letter) noexcept {
  return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
}

bool is_key_letter(char letter) noexcept {
  return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '-' ||
         letter == '_' || letter == '.';
}

// The key in quotes, with what does not print as a question mark.
std::string quoted(std::string_view key) {
  std::string to = "\"";
  for (const char letter : key) to += letter >= ' ' && letter <= '~' ? letter : '?';
  return to + "\"";
}

Error refused(std::string_view key, const char* why) {
  return fail(Code::invalid_argument, "the metadata key " + quoted(key) + " " + why);
}

Result<std::string> key_of(std::string_view key) {
  std::string to(key);
  std::transform(to.begin(), to.end(), to.begin(), lower);
  if (to.empty() || !std::all_of(to.begin(), to.end(), is_key_letter))
    return refused(key, "cannot be sent: a key has letters, digits, '-', '_' and '.'");
  if (to.starts_with("grpc-") || std::find(of_grpc.begin(), of_grpc.end(), to) != of_grpc.end())
    return refused(key, "belongs to gRPC");
  return to;
}

std::string trace_part(const std::string& text) {
  return text.size() <= trace_part_max && is_header_value(text) ? text : std::string();
}

// How many bytes from here on are ASCII; by eights, then by ones.
std::size_t ascii(const unsigned char* at, std::size_t left) noexcept {
  std::size_t size = 0;
  for (std::uint64_t eight = 0; left - size >= sizeof eight; size += sizeof eight) {
    std::memcpy(&eight, at + size, sizeof eight);
    if ((eight & 0x8080808080808080U) != 0) break;
  }
  while (size < left && at[size] < 0x80) ++size;
  return size;
}

// The length of the character that begins here, 0 when it is none.
std::size_t character(const unsigned char* at, std::size_t left) noexcept {
  const unsigned first = at[0];
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || left < size) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at[i] & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && at[1] < 0xa0) return 0;  // longer than it need be
  if (first == 0xed && at[1] > 0x9f) return 0;  // half of a pair
  if (first == 0xf0 && at[1] < 0x90) return 0;
  if (first == 0xf4 && at[1] > 0x8f) return 0;
  return size;
}

}  // namespace

bool is_header_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char letter) {
    return letter >= ' ' && letter <= '~';
  });
}

Result<Metadata> headers_of(const Metadata& entries) {
  Metadata to;
  for (const auto& [key, value] : entries) {
    auto name = key_of(key);
    if (!name) return std::move(name).error();
    if (!name->ends_with("-bin") && !is_header_value(value))
      return refused(key, "has a value that cannot be sent: only printable ASCII can");
    if (!to.emplace(std::move(*name), value).second)
      return refused(key, "is there twice, in capital and in small letters");
  }
  return to;
}

TraceContext sendable(const TraceContext& trace) {
  TraceContext to;
  to.traceparent = trace_part(trace.traceparent);
  if (!to.traceparent.empty() || trace.traceparent.empty())
    to.tracestate = trace_part(trace.tracestate);
  to.baggage = trace_part(trace.baggage);
  return to;
}

bool is_utf8(std::string_view text) noexcept {
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  for (std::size_t left = text.size(); left > 0;) {
    const std::size_t plain = ascii(at, left);
    at += plain;
    left -= plain;
    if (left == 0) break;
    const std::size_t size = character(at, left);
    if (size == 0) return false;
    at += size;
    left -= size;
  }
  return true;
}

const TextFields::Fields& TextFields::fields_of(const Descriptor* message) {
  // Messages may hold others of their own kind: known before its fields are.
  const auto [found, is_new] = known_.try_emplace(message);
  auto& fields = found->second;
  for (int i = 0; is_new && i < message->field_count(); ++i) {
    const auto* field = message->field(i);
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      fields.push_back({field, field->is_repeated(), nullptr});
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      fields.push_back({field, field->is_repeated(), &fields_of(field->message_type())});
    }
  }
  return fields;
}

bool TextFields::are_utf8(const Message& message, const Fields& fields) {
  const auto& reflection = *message.GetReflection();
  return std::all_of(fields.begin(), fields.end(), [&](const Field& field) {
    return is_utf8(message, reflection, field);
  });
}

bool TextFields::is_utf8(const Message& message, const Reflection& reflection, const Field& of) {
  const auto* field = of.field;
  const int count = of.many ? reflection.FieldSize(message, field) : 1;
  if (of.inside != nullptr && !of.many && !reflection.HasField(message, field)) return true;
  std::string scratch;
  for (int i = 0; i < count; ++i) {
    if (of.inside == nullptr) {
      if (!wire::is_utf8(of.many ? reflection.GetRepeatedStringReference(message, field, i, &scratch)
                                 : reflection.GetStringReference(message, field, &scratch)))
        return false;
    } else if (!are_utf8(of.many ? reflection.GetRepeatedMessage(message, field, i)
                                 : reflection.GetMessage(message, field), *of.inside)) {
      return false;
    }
  }
  return true;
}

Result<void> check_pem(const char* name, const std::string& text) {
  if (text.empty() || text.find("-----BEGIN ") != std::string::npos) return {};
  std::string why = std::string(name) + " is no PEM text";
  const bool is_path = text.size() < 1024 && text.find('/') != std::string::npos &&
                       is_header_value(text) && text.find(' ') == std::string::npos;
  if (is_path) why += ": it takes what stands in the file, not the path " + text;
  return fail(Code::invalid_argument, std::move(why));
}

Result<std::string> token_of(std::string token, const char* from, bool is_variable) {
  if (is_variable && token.ends_with('\n')) token.pop_back();
  if (is_variable && token.ends_with('\r')) token.pop_back();
  if (is_header_value(token)) return token;
  return fail(
      Code::invalid_argument,
      std::string(from) + " has a character that no header can carry, such as a line break"
  );
}

}  // namespace mecha::wire
