// Statuses of gRPC into errors, with the details that the sidecar attaches. The details are read by
// hand: classes for google.rpc in this library would clash with those of the application.

#include <string>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include "mecha/codec.h"
#include "src/calls.h"
#include "src/checked.h"
#include "src/core.h"

namespace mecha {

std::string_view to_string(Code code) noexcept {
  static constexpr std::string_view names[] = {
      "OK",
      "CANCELLED",
      "UNKNOWN",
      "INVALID_ARGUMENT",
      "DEADLINE_EXCEEDED",
      "NOT_FOUND",
      "ALREADY_EXISTS",
      "PERMISSION_DENIED",
      "RESOURCE_EXHAUSTED",
      "FAILED_PRECONDITION",
      "ABORTED",
      "OUT_OF_RANGE",
      "UNIMPLEMENTED",
      "INTERNAL",
      "UNAVAILABLE",
      "DATA_LOSS",
      "UNAUTHENTICATED",
  };
  const auto number = static_cast<std::size_t>(code);
  return number < std::size(names) ? names[number] : "UNKNOWN";
}

std::string Error::to_string() const {
  std::string text(mecha::to_string(code));
  text += ": " + message;
  if (!reason.empty()) text += " (" + reason + ")";
  return text;
}

Error detail::codec_error(Code code, const char* what) {
  const char* action =
      code == Code::data_loss ? "the value does not decode: " : "the value does not encode: ";
  return fail(code, std::string(action) + what);
}

namespace wire {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// Calls `field(number, bytes)` for each length-delimited field; false when the bytes are no
// message.
template <class Field>
bool each_field(const std::string& bytes, Field field) {
  CodedInputStream in(
      reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size())
  );
  while (const std::uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    std::string value;
    if (!WireFormatLite::ReadBytes(&in, &value)) return false;
    field(WireFormatLite::GetTagFieldNumber(tag), std::move(value));
  }
  return in.ConsumedEntireMessage();
}

void read_error_info(const std::string& bytes, Error& error) {
  each_field(bytes, [&](int number, std::string value) {
    if (number == 1) error.reason = std::move(value);
    if (number == 2) error.domain = std::move(value);
    if (number != 3) return;
    std::string key, content;
    each_field(value, [&](int part, std::string text) {
      (part == 1 ? key : content) = std::move(text);
    });
    error.metadata.insert_or_assign(std::move(key), std::move(content));
  });
}

void read_resource_info(const std::string& bytes, Error& error) {
  each_field(bytes, [&](int number, std::string value) {
    if (number == 1) error.resource_type = std::move(value);
    if (number == 2) error.resource_name = std::move(value);
  });
}

// google.rpc.Status: 3 repeated Any; Any: 1 type_url, 2 value.
void read_details(const std::string& bytes, Error& error) {
  each_field(bytes, [&](int number, std::string detail) {
    if (number != 3) return;
    std::string type, value;
    each_field(detail, [&](int part, std::string text) {
      (part == 1 ? type : value) = std::move(text);
    });
    if (type.ends_with("/google.rpc.ErrorInfo")) read_error_info(value, error);
    if (type.ends_with("/google.rpc.ResourceInfo")) read_resource_info(value, error);
  });
}

// One length-delimited field; nothing for an empty value.
std::string field(int number, const std::string& value) {
  std::string to;
  if (value.empty()) return to;
  google::protobuf::io::StringOutputStream stream(&to);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.WriteTag(WireFormatLite::MakeTag(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED));
  out.WriteVarint32(static_cast<std::uint32_t>(value.size()));
  out.WriteString(value);
  out.Trim();
  return to;
}

std::string detail_of(const std::string& type, const std::string& value) {
  return value.empty()
             ? value
             : field(3, field(1, "type.googleapis.com/google.rpc." + type) + field(2, value));
}

// google.rpc.Status with what the error has besides code and message; empty where it has nothing.
std::string details_of(const Error& error) {
  std::string info = field(1, error.reason) + field(2, error.domain);
  for (const auto& [key, value] : error.metadata) info += field(3, field(1, key) + field(2, value));
  const auto details =
      detail_of("ErrorInfo", info) +
      detail_of("ResourceInfo", field(1, error.resource_type) + field(2, error.resource_name));
  if (details.empty()) return details;
  const std::string code{'\x08', static_cast<char>(error.code)};
  return code + field(2, error.message) + details;
}

}  // namespace

grpc::Status to_status(const Error& error) {
  // An error without a code is still one.
  const auto code = error.code == Code::ok ? Code::unknown : error.code;
  return {static_cast<grpc::StatusCode>(code), error.message, details_of(error)};
}

Error to_error(const grpc::Status& status) {
  // What gRPC says of an answer that it could not read looks like a method that is not there.
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED &&
      status.error_message() == "No message returned for unary request") {
    return unreadable();
  }
  const int number = static_cast<int>(status.error_code());
  Error error = fail(
      number >= 0 && number <= 16 ? static_cast<Code>(number) : Code::unknown,
      status.error_message()
  );
  if (!status.error_details().empty()) read_details(status.error_details(), error);
  return error;
}

}  // namespace wire
}  // namespace mecha
