#include "runtime/mesh/peer_codec.hpp"

#include <algorithm>

#include "runtime/app/invoke_codec.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::mesh {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kBesideHeaders = 128;  // nearly always enough for what is no header

std::size_t encoded_max(const net::Headers& headers) {
  constexpr std::size_t kLengths = 24;  // of the entry, its name, its list and the value
  return headers.bytes() + headers.size() * kLengths;
}

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

// Values of one name are one entry, in the place of the first.
void encode_headers(std::string& out, std::uint32_t field, const net::Headers& headers) {
  for (auto header = headers.begin(); header != headers.end(); ++header) {
    const auto same = [&](const net::Headers::Field& other) { return text::equals_nocase(other.name, header->name); };
    if (std::any_of(headers.begin(), header, same)) continue;
    std::size_t list = 0;
    for (auto other = header; other != headers.end(); ++other) {
      if (same(*other)) list += wire::bytes_size(1, other->value.size());
    }
    const auto name = header->name.empty() ? 0 : wire::bytes_size(1, header->name.size());
    wire::bytes_head(out, field, name + wire::bytes_size(2, list));
    wire::bytes(out, 1, header->name);
    wire::bytes_head(out, 2, list);
    for (auto other = header; other != headers.end(); ++other) {
      if (same(*other)) wire::bytes_always(out, 1, other->value);
    }
  }
}

std::string encode_request(const InvokeRequest& request, std::optional<std::string_view> data) {
  std::string out;
  out.reserve(kBesideHeaders + encoded_max(request.headers) + request.method.size() + request.query.size());
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
  out.reserve(kBesideHeaders + encoded_max(answer.headers) + encoded_max(answer.trailers));
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
  out.reserve(wire::bytes_size(1, head.size()));
  wire::bytes_always(out, 1, head);
  return out;
}

void append_payload(std::string& message, std::string_view data, std::uint64_t seq) {
  const auto number = seq == 0 ? 0 : 1 + wire::varint_size(seq);
  const auto bytes = data.empty() ? 0 : wire::bytes_size(1, data.size());
  message.reserve(message.size() + wire::bytes_size(2, bytes + number));
  wire::bytes_head(message, 2, bytes + number);
  wire::bytes(message, 1, data);
  wire::number(message, 2, seq);
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
