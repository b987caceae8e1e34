// common.v1.InvokeRequest and InvokeResponse on the wire (contract 01, 9.2), and google.rpc.Status.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/app/invoke.hpp"

namespace mecha {

// `with_data` false leaves the data field out unless there is a type, as the first message of a stream wants it.
std::string encode_invoke_request(const InvokeRequest& request, std::string_view data, bool with_data = true);
// Method, verb, query, content type, type and data; the rest of `request` is not touched.
Result<std::string> decode_invoke_request(std::string_view bytes, InvokeRequest& request);

struct InvokeResponseMessage {
  std::string data, type_url, content_type;
};
std::string encode_invoke_response(const InvokeResponseMessage& message, bool with_data);
Result<InvokeResponseMessage> decode_invoke_response(std::string_view bytes);

int verb_number(std::string_view verb);  // 0 for none
std::string_view verb_name(std::uint64_t number);

}  // namespace mecha
