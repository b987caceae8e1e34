#include "runtime/mesh/peer_codec.hpp"

#include <vector>

#include "runtime/app/invoke_codec.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::mesh {
namespace {

constexpr std::uint64_t kVersion = 1;

void add_header_entry(std::string_view entry, net::Headers& headers) {
  std::string_view key, list;
  for (wire::Reader field(entry); field.next();) {
    if (field.field() == 1) key = field.bytes();
    if (field.field() == 2) list = field.bytes();
  }
  for (wire::Reader value(list); value.next();) {
    if (value.field() == 1) headers.add(key, value.bytes());
  }
}

std::string encode_status(const InvokeAnswer& answer) {
  std::string status;
  wire::number(status, 1, static_cast<std::uint64_t>(answer.status));
  wire::bytes(status, 2, answer.status_message);
  for (const auto& detail : answer.status_details) wire::bytes_always(status, 3, detail);
  return status;
}

void decode_status(std::string_view bytes, InvokeAnswer& answer) {
  answer.status = 0;
  for (wire::Reader field(bytes); field.next();) {
    if (field.field() == 1) answer.status = static_cast<int>(field.number());
    if (field.field() == 2) answer.status_message = field.text();
    if (field.field() == 3) answer.status_details.push_back(field.text());
  }
}

}  // namespace

void encode_headers(std::string& out, std::uint32_t field, const net::Headers& headers) {
  std::vector<std::string_view> done;
  std::string list, entry;
  for (const auto& header : headers) {
    bool seen = false;
    for (const auto name : done) seen = seen || text::equals_nocase(name, header.name);
    if (seen) continue;
    done.push_back(header.name);
    list.clear();
    for (const auto& other : headers) {
      if (text::equals_nocase(other.name, header.name)) wire::bytes_always(list, 1, other.value);
    }
    entry.clear();
    wire::bytes(entry, 1, header.name);
    wire::bytes_always(entry, 2, list);
    wire::bytes_always(out, field, entry);
  }
}

std::string encode_request(const InvokeRequest& request, std::optional<std::string_view> data) {
  std::string out;
  wire::number(out, 1, kVersion);
  encode_headers(out, 2, request.headers);
  wire::bytes_always(out, 3, encode_invoke_request(request, data.value_or(""), data.has_value()));
  return out;
}

Result<DecodedRequest> decode_request(std::string_view bytes) {
  DecodedRequest decoded;
  wire::Reader field(bytes);
  while (field.next()) {
    if (field.field() == 1) decoded.version = static_cast<std::int64_t>(field.number());
    if (field.field() == 2) {
      decoded.has_metadata = true;
      add_header_entry(field.bytes(), decoded.request.headers);
    }
    if (field.field() == 3) {
      decoded.has_message = true;
      MECHA_TRY(decoded.data, decode_invoke_request(field.bytes(), decoded.request));
    }
  }
  if (!field.ok()) return fail(Code::internal, "grpc: failed to unmarshal the received message");
  return decoded;
}

std::string encode_response(const InvokeAnswer& answer, std::optional<std::string_view> data) {
  std::string out;
  wire::bytes_always(out, 1, encode_status(answer));
  encode_headers(out, 2, answer.headers);
  encode_headers(out, 3, answer.trailers);
  const bool failed = answer.is_grpc() && answer.status != 0;
  if (!data && failed) return out;  // in the stream form a failed gRPC application has no message
  const InvokeResponseMessage message{
      std::string(data.value_or("")), answer.type_url, answer.content_type};
  // What came from a gRPC application says that there is data, even where the payload carries it.
  wire::bytes_always(out, 4, encode_invoke_response(message, data.has_value() || answer.is_grpc()));
  return out;
}

Result<DecodedResponse> decode_response(std::string_view bytes) {
  DecodedResponse decoded;
  wire::Reader field(bytes);
  while (field.next()) {
    switch (field.field()) {
      case 1:
        decoded.has_status = true;
        decode_status(field.bytes(), decoded.answer);
        break;
      case 2:
        decoded.has_headers = true;
        add_header_entry(field.bytes(), decoded.answer.headers);
        break;
      case 3: add_header_entry(field.bytes(), decoded.answer.trailers); break;
      case 4: {
        decoded.has_message = true;
        MECHA_TRY(auto message, decode_invoke_response(field.bytes()));
        decoded.data = std::move(message.data);
        decoded.answer.type_url = std::move(message.type_url);
        decoded.answer.content_type = std::move(message.content_type);
        break;
      }
      default: break;
    }
  }
  if (!field.ok()) return fail(Code::internal, "grpc: failed to unmarshal the received message");
  return decoded;
}

std::string encode_stream_head(std::string_view head) {
  std::string out;
  wire::bytes_always(out, 1, head);
  return out;
}

void append_payload(std::string& message, std::string_view data, std::uint64_t seq) {
  std::string number;
  wire::number(number, 2, seq);
  std::string start;
  wire::tag(start, 1, 2);
  wire::varint(start, data.size());
  wire::tag(message, 2, 2);
  if (data.empty()) {
    wire::varint(message, number.size());
  } else {
    wire::varint(message, start.size() + data.size() + number.size());
    message.append(start).append(data);
  }
  message.append(number);
}

Result<StreamMessage> decode_stream(std::string_view bytes) {
  StreamMessage message;
  wire::Reader field(bytes);
  while (field.next()) {
    if (field.field() == 1) message.head = field.bytes();
    if (field.field() != 2) continue;
    message.has_payload = true;
    for (wire::Reader part(field.bytes()); part.next();) {
      if (part.field() == 1) message.data = part.bytes();
      if (part.field() == 2) message.seq = part.number();
    }
  }
  if (!field.ok()) return fail(Code::internal, "grpc: failed to unmarshal the received message");
  return message;
}

}  // namespace mecha::mesh
