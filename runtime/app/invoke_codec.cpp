#include "runtime/app/invoke_codec.hpp"

#include <array>

#include "runtime/base/wire.hpp"

namespace mecha {
namespace {

constexpr std::array<std::string_view, 10> kVerbs{
    "", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};

std::string any(std::string_view type_url, std::string_view value) {
  std::string out;
  wire::bytes(out, 1, type_url);
  wire::bytes(out, 2, value);
  return out;
}

// False for bytes that are no message.
bool read_any(std::string_view bytes, std::string& type_url, std::string& value) {
  wire::Reader field(bytes);
  while (field.next()) {
    if (field.field() == 1) type_url = field.text();
    if (field.field() == 2) value = field.text();
  }
  return field.ok();
}

Error not_decoded() { return {.code = Code::internal, .message = "grpc: failed to unmarshal the received message"}; }

}  // namespace

int verb_number(std::string_view verb) {
  for (std::size_t i = 1; i < kVerbs.size(); ++i) {
    if (kVerbs[i] == verb) return static_cast<int>(i);
  }
  return 0;
}

std::string_view verb_name(std::uint64_t number) {
  return number < kVerbs.size() ? kVerbs[number] : std::string_view();
}

std::string encode_invoke_request(const InvokeRequest& request, std::string_view data, bool with_data) {
  std::string out;
  wire::bytes(out, 1, request.rooted ? "/" + request.method : request.method);
  if (with_data || request.data_part || !request.type_url.empty()) {
    wire::bytes_always(out, 2, any(request.type_url, with_data ? data : std::string_view()));
  }
  wire::text(out, 3, request.content_type);
  if (request.http_part) {
    std::string extension;
    wire::number(extension, 1, static_cast<std::uint64_t>(verb_number(request.verb)));
    wire::bytes(extension, 2, request.query);
    wire::bytes_always(out, 4, extension);
  }
  return out;
}

Result<std::string> decode_invoke_request(std::string_view bytes, InvokeRequest& request) {
  std::string data;
  request.http_part = false;
  request.verb.clear();
  wire::Reader field(bytes);
  while (field.next()) {
    switch (field.field()) {
      case 1: request.method = field.text(); break;
      case 2: read_any(field.bytes(), request.type_url, data); break;
      case 3: request.content_type = field.text(); break;
      case 4: {
        request.http_part = true;
        for (wire::Reader part(field.bytes()); part.next();) {
          if (part.field() == 1) request.verb = verb_name(part.number());
          if (part.field() == 2) request.query = part.text();
        }
        break;
      }
      default: break;
    }
  }
  if (!field.ok()) return fail(Code::internal, "grpc: error unmarshalling request: malformed message");
  return data;
}

std::string encode_invoke_response(const InvokeResponseMessage& message, bool with_data) {
  std::string out;
  if (with_data || !message.type_url.empty()) {
    wire::bytes_always(out, 1, any(message.type_url, with_data ? message.data : std::string_view()));
  }
  wire::text(out, 2, message.content_type);
  return out;
}

Result<InvokeResponseMessage> decode_invoke_response(std::string_view bytes) {
  InvokeResponseMessage message;
  wire::Reader field(bytes);
  while (field.next()) {
    if (field.field() == 1 && !read_any(field.bytes(), message.type_url, message.data)) return fail(not_decoded());
    if (field.field() == 2) message.content_type = field.text();
  }
  if (!field.ok()) return fail(not_decoded());
  return message;
}

}  // namespace mecha
