// The messages of the peer protocol on the wire (contract 01, section 9; 04b): ServiceInvocation's requests and answers,
// unary and streamed.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/app/invoke.hpp"

namespace mecha::mesh {

inline constexpr std::string_view kCallLocal =
    "/dapr.proto.internals.v1.ServiceInvocation/CallLocal";
inline constexpr std::string_view kCallLocalStream =
    "/dapr.proto.internals.v1.ServiceInvocation/CallLocalStream";

// Header map: names as they are, equal names (without case) in one entry.
void encode_headers(std::string& out, std::uint32_t field, const net::Headers& headers);

// InternalInvokeRequest. `data` only in the unary form.
std::string encode_request(const InvokeRequest& request, std::optional<std::string_view> data);
struct DecodedRequest {
  std::int64_t version = 0;
  bool has_metadata = false;
  bool has_message = false;
  InvokeRequest request;
  std::string data;
};
Result<DecodedRequest> decode_request(std::string_view bytes);

// InternalInvokeResponse. `data` only in the unary form.
std::string encode_response(const InvokeAnswer& answer, std::optional<std::string_view> data);
struct DecodedResponse {
  bool has_status = false;
  bool has_headers = false;
  bool has_message = false;
  InvokeAnswer answer;
  std::string data;
};
Result<DecodedResponse> decode_response(std::string_view bytes);

// InternalInvokeRequestStream and InternalInvokeResponseStream have the same shape: 1 head, 2 payload {1 data, 2 seq}.
std::string encode_stream_head(std::string_view head);
void append_payload(std::string& message, std::string_view data, std::uint64_t seq);
struct StreamMessage {
  std::optional<std::string_view> head;
  bool has_payload = false;
  std::string_view data;
  std::uint64_t seq = 0;
};
Result<StreamMessage> decode_stream(std::string_view bytes);  // views into `bytes`

}  // namespace mecha::mesh
