// What is wrong with the head of a request before any call begins: a call without a right type, verb, time-out or binary value.

#include <algorithm>
#include <charconv>

#include "runtime/base/text.hpp"
#include "runtime/net/grpc.hpp"

namespace mecha::net::grpc {
namespace {

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

// Where the bytes stop to be base64, in the words of the reference.
std::string malformed_bin(const Headers::Field& field) {
  const auto value = field.value;
  const auto at = static_cast<std::size_t>(std::ranges::find_if_not(value, is_base64) - value.begin());
  return "malformed binary metadata " + text::quote(value) + " in header " + text::quote(field.name) +
         ": illegal base64 data at input byte " + std::to_string(at < value.size() ? at : at - 1);
}

std::string malformed_timeout(std::string_view value) {
  const std::string begin = "malformed grpc-timeout: transport: timeout ";
  if (value.size() < 2) return begin + "string is too short: " + text::quote(value);
  if (value.size() > 9) return begin + "string is too long: " + text::quote(value);
  if (!std::string_view("numSMH").contains(value.back())) return begin + "unit is not recognized: " + text::quote(value);
  value.remove_suffix(1);
  return "malformed grpc-timeout: strconv.ParseUint: parsing " + text::quote(value) + ": invalid syntax";
}

// The last field that is wrong; empty if none is.
std::string malformed_field(const Headers& headers) {
  std::string problem;
  for (const auto& field : headers) {
    if (field.name == "grpc-timeout") {
      if (!parse_timeout(field.value)) problem = malformed_timeout(field.value);
    } else if (field.name.ends_with("-bin") && !decode_bin(field.value)) {
      problem = malformed_bin(field);
    }
  }
  return problem;
}

ResponseHead refused(unsigned http_status, Code code, std::string message) {
  ResponseHead head{.status = http_status};
  head.headers = status_trailers({.code = code, .message = std::move(message), .details = {}});
  head.headers.add("content-type", kType);
  return head;
}

}  // namespace

std::optional<ResponseHead> refusal_of(const RequestHead& head) {
  const auto type = head.headers.value_or("content-type");
  if (!is_grpc_type(type)) {
    return refused(415, Code::invalid_argument, "invalid gRPC request content-type " + text::quote(type));
  }
  if (auto problem = malformed_field(head.headers); !problem.empty()) {
    return refused(400, Code::internal, std::move(problem));
  }
  if (head.method != "POST") {
    const auto verb = text::quote(head.method);
    return refused(405, Code::internal, "Received a HEADERS frame with :method " + verb + " which should be POST");
  }
  return std::nullopt;
}

}  // namespace mecha::net::grpc
