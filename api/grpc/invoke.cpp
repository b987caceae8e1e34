#include "api/grpc/invoke.hpp"

#include "api/errors/common.hpp"
#include "api/grpc/message.hpp"
#include "api/grpc/status.hpp"
#include "dapr/proto/runtime/v1/invoke.pb.h"
#include "runtime/app/application.hpp"
#include "runtime/app/invoke_codec.hpp"
#include "runtime/base/http_status.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_utf8.hpp"
#include "runtime/capabilities/invocation/invocation.hpp"
#include "runtime/net/begun_body.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
namespace common = dapr::proto::common::v1;

// What an error tells of the body of a failed answer, in bytes; a character is not cut in two.
constexpr std::size_t kShownBody = 63;

InvokeRequest make_request(const GrpcRequest& request, common::InvokeRequest& message) {
  InvokeRequest out;
  out.method = message.method();
  out.http_part = message.has_http_extension();
  out.verb = verb_name(static_cast<std::uint64_t>(message.http_extension().verb()));
  out.query = message.http_extension().querystring();
  out.type_url = message.data().type_url();
  out.content_type = message.content_type();
  out.data_part = message.has_data();
  for (const auto& field : request.call.metadata()) {
    if (field.name == "te" || field.name == "grpc-timeout") continue;
    const auto bytes = field.name.ends_with("-bin") ? net::grpc::decode_bin(field.value) : std::nullopt;
    out.headers.add(field.name, bytes ? text::base64(*bytes) : std::string(field.value));
  }
  out.headers.add(":authority", request.exchange.request().authority);
  return out;
}

// Metadata of an answer (contract 01, 8.3). `prefixed`: names of HTTP get `dapr-` in front.
net::Headers answer_metadata(const RequestScope& scope, const net::Headers& headers, bool prefixed) {
  net::Headers out;
  for (const auto& field : headers) {
    const auto name = text::lower(field.name);
    if (name == "traceparent" || name == "tracestate" || name == "grpc-trace-bin" || name == "destination-app-id") continue;
    if (prefixed && is_permanent_header(field.name)) {
      out.add("dapr-" + name, field.value);
    } else if (name != "content-type" && !net::grpc::is_reserved(name)) {
      out.add(name, field.value);
    }
  }
  if (!scope.span.valid()) return out;
  out.add("traceparent", scope.span.traceparent());
  if (!scope.span.state.empty()) out.add("tracestate", scope.span.state);
  out.add("grpc-trace-bin", net::grpc::encode_bin(scope.span.binary()));
  return out;
}

void add_all(GrpcRequest& request, const net::Headers& headers) {
  for (const auto& field : headers) request.call.add_header(field.name, field.value);
}

// Of a failure only the beginning is told, so that no length of it hides its status.
Async<std::string> body_of(const RequestScope& scope, InvokeAnswer& answer, bool good) {
  if (!answer.body) co_return std::string();
  if (!good) co_return co_await net::read_start(*answer.body, kShownBody);
  auto body = co_await net::read_all(*answer.body, scope.app.info.body_bytes_max);
  if (!body && body.error().failure == Failure::body_too_large) {
    co_return fail(Code::resource_exhausted, "trying to send message larger than max (" + std::to_string(scope.app.info.body_bytes_max) + ")");
  }
  co_return std::move(body);
}

// The status of an answer that is no success: of a gRPC application as it is, of an HTTP one by the table of 8.4.
net::grpc::Status failed_status(const InvokeAnswer& answer, std::string_view body) {
  if (answer.is_grpc()) {
    const auto code = net::grpc::code_of(answer.status);
    return {
        .code = code,
        .message = answer.status_message,
        .details = answer.status_details.empty() ? "" : rpc_status(code, answer.status_message, answer.status_details)};
  }
  const auto status = static_cast<unsigned>(answer.status);
  return refused(code_of_http_status(status), status_text(status), status, text::cut_utf8(body, kShownBody));
}

Async<void> finish(GrpcRequest& request, const std::string& id, InvokeAnswer& answer) {
  auto metadata = answer_metadata(request.scope, answer.headers, true);
  if (!answer.is_grpc()) metadata.erase("dapr-http-status");
  add_all(request, metadata);
  if (!answer.is_grpc()) request.call.add_header("dapr-http-status", std::to_string(answer.status));
  const bool good = answer.is_grpc() ? answer.status == 0 : answer.status >= 200 && answer.status < 300;
  auto read = co_await body_of(request.scope, answer, good);
  if (!read && read.error().code != Code::resource_exhausted) co_return fail(errors::direct_invoke(id, read.error().message));
  MECHA_CO_TRY(auto body, std::move(read));
  net::Headers trailers;
  if (answer.is_grpc()) trailers = answer_metadata(request.scope, answer.trailers, false);
  if (!good) {
    MECHA_CO_TRY_VOID(co_await request.call.send_headers());
    auto status = failed_status(answer, body);
    request.span.fail(status.message);
    co_return co_await request.call.finish(std::move(status), std::move(trailers));
  }
  common::InvokeResponse message;
  message.mutable_data()->set_type_url(valid_text(answer.type_url));
  message.mutable_data()->set_value(std::move(body));
  message.set_content_type(valid_text(answer.content_type));
  MECHA_CO_TRY_VOID(co_await request.write(message));
  co_return co_await request.call.finish({}, std::move(trailers));
}

Async<void> invoke(Invocation& invocation, GrpcRequest& request) {
  pb::InvokeServiceRequest message;
  MECHA_CO_TRY_VOID(co_await read_only_message(request, message));
  // Our own application is told of a request that says nothing, a peer refuses it.
  if (!message.has_message() && !message.id().empty() && message.id() != request.scope.app.info.id) {
    co_return fail(errors::direct_invoke(
        message.id(),
        "rpc error: code = InvalidArgument desc = parsing InternalInvokeRequest error: request does not contain the required "
        "fields in the leading chunk"
    ));
  }
  auto made = make_request(request, *message.mutable_message());
  request.span.rename("CallLocal/" + message.id() + "/" + made.method);
  if (request.span.recorded()) {
    request.span.set("rpc.service", "ServiceInvocation");
    request.span.set("net.peer.name", message.id());
    request.span.remote(message.id());
  }
  net::TextBody body(std::move(*message.mutable_message()->mutable_data()->mutable_value()));
  made.length = body.size();
  if (body.size() > 0) made.body = &body;
  MECHA_CO_TRY(auto answer, co_await invocation.invoke(request.scope, message.id(), std::move(made)));
  co_return co_await finish(request, message.id(), answer);
}

}  // namespace

std::vector<GrpcMethod> invoke_methods(Invocation& invocation) {
  return {free_form("InvokeService", "invoke.v1", invocation, invoke)};
}

}  // namespace mecha::api
