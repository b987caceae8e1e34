// Invocation over the wire.

#include "mecha/invoke.h"

#include <charconv>
#include <utility>

#include "src/remote.h"
#include "src/unary.h"

namespace mecha::wire {
namespace {

// The verb by its number; an unknown one is refused here, for the sidecar would take it for none.
std::optional<common::HTTPExtension_Verb> verb_of(const std::string& name) {
  common::HTTPExtension_Verb verb{};
  if (!common::HTTPExtension_Verb_Parse(name, &verb)) return std::nullopt;
  return verb;
}

std::string text_of(grpc::string_ref text) { return {text.data(), text.size()}; }

Result<InvokeResponse> response_of(
    common::InvokeResponse& answer, const grpc::ClientContext& call
) {
  InvokeResponse to{
      std::move(*answer.mutable_data()->mutable_value()),
      std::move(*answer.mutable_content_type()),
      {},
      0
  };
  for (const auto& [key, value] : call.GetServerInitialMetadata())
    to.headers.emplace(text_of(key), text_of(value));
  for (const auto& [key, value] : call.GetServerTrailingMetadata())
    to.headers.emplace(text_of(key), text_of(value));
  if (const auto status = to.headers.find("dapr-http-status"); status != to.headers.end()) {
    std::from_chars(
        status->second.data(), status->second.data() + status->second.size(), to.http_status
    );
  }
  return to;
}

}  // namespace

Task<Result<InvokeResponse>> Remote::invoke(InvokeRequest request, CallOptions options) {
  const auto verb = verb_of(request.verb.empty() ? "NONE" : request.verb);
  if (!verb) {
    return ready(Result<InvokeResponse>(
        fail(Code::invalid_argument, "\"" + request.verb + "\" is no verb of HTTP")
    ));
  }
  auto* call = make_unary<InvokeResponse>(
      core_,
      MECHA_METHOD(InvokeService, v1::InvokeServiceRequest, common::InvokeResponse),
      &response_of,
      std::move(options)
  );
  call->request.set_id(std::move(request.app));
  auto& message = *call->request.mutable_message();
  message.set_method(std::move(request.method));
  message.mutable_data()->set_value(std::move(request.data));
  message.set_content_type(std::move(request.content_type));
  if (!request.verb.empty() || !request.query.empty()) {
    message.mutable_http_extension()->set_verb(*verb);
    message.mutable_http_extension()->set_querystring(std::move(request.query));
  }
  return detail::TaskAccess::make(call);
}

}  // namespace mecha::wire
