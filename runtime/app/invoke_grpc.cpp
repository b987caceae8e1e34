// Invocation of a gRPC application: AppCallback/OnInvoke (contract 01, 8.3).

#include <array>

#include "runtime/app/application.hpp"
#include "runtime/app/invoke.hpp"
#include "runtime/app/invoke_codec.hpp"
#include "runtime/app/status_json.hpp"
#include "runtime/base/text.hpp"

namespace mecha {
namespace {

// Names that get `dapr-` in front when they came from HTTP, which their capitals tell.
constexpr std::array<std::string_view, 26> kPermanent{
    "Accept",
    "Accept-Charset",
    "Accept-Language",
    "Accept-Ranges",
    "Connection",
    "Keep-Alive",
    "Proxy-Connection",
    "Transfer-Encoding",
    "Upgrade",
    "Cache-Control",
    "Content-Type",
    "Content-Length",
    "Cookie",
    "Date",
    "Expect",
    "From",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Schedule-Tag-Match",
    "If-Unmodified-Since",
    "Max-Forwards",
    "Origin",
    "Pragma",
    "Referer",
};
constexpr std::array<std::string_view, 2> kPermanentToo{"Via", "Warning"};

template <class List>
bool contains(const List& list, std::string_view name) {
  for (const auto item : list) {
    if (item == name) return true;
  }
  return false;
}

// gRPC's own names cannot be set as metadata; others that begin like them can.
bool reserved(std::string_view name) { return name == "user-agent" || net::grpc::is_reserved(name); }

// Metadata of an answer as peers tell it: binary values in base64 with padding (contract 01, 9.2).
void copy_metadata(net::Headers& out, const net::Headers& metadata) {
  for (const auto& field : metadata) {
    if (reserved(field.name)) continue;
    if (!field.name.ends_with("-bin")) {
      out.add(field.name, field.value);
    } else if (const auto bytes = net::grpc::decode_bin(field.value)) {
      out.add(field.name, text::base64(*bytes));
    }
  }
}

net::Headers metadata_of(const RequestScope& scope, const net::Headers& headers) {
  net::Headers out;
  const bool traced = scope.span.valid();
  for (const auto& field : headers) {
    const auto name = text::lower(field.name);
    if (name == "destination-app-id") continue;
    // `traceparent` stays what the caller sent; the new span is in grpc-trace-bin (contract 06, 7.4).
    if (traced && (name == "tracestate" || name == "grpc-trace-bin")) continue;
    if (is_permanent_header(field.name)) {
      out.add("dapr-" + name, field.value);
    } else if (name.ends_with("-bin")) {
      if (net::grpc::decode_bin(field.value)) out.add(name, field.value);
    } else if (!reserved(name)) {
      out.add(name, field.value);
    }
  }
  return out;
}

// A call that breaks counts as one that the application answers with the status that a client of gRPC makes of it: UNAVAILABLE
// where nobody listens, CANCELLED where the stream is reset.
InvokeAnswer in_its_words(Error error) {
  InvokeAnswer answer;
  answer.status = static_cast<int>(error.code);
  answer.status_message = net::grpc::transport_error(std::move(error)).message;
  answer.headers.add("content-type", "application/grpc");
  return answer;
}

}  // namespace

bool is_permanent_header(std::string_view name) { return contains(kPermanent, name) || contains(kPermanentToo, name); }

Async<InvokeAnswer> invoke_grpc_application(RequestScope& scope, InvokeRequest& request) {
  std::string data;
  if (request.body != nullptr) {
    MECHA_CO_TRY(data, co_await net::read_all(*request.body, scope.app.info.body_bytes_max));
  }
  auto message = encode_invoke_request(request, data);
  auto called = co_await scope.app.channel->call(
      scope,
      "/dapr.proto.runtime.v1.AppCallback/OnInvoke",
      metadata_of(scope, request.headers),
      std::move(message),
      true
  );
  if (!called && !is_unhealthy(called.error())) co_return in_its_words(std::move(called).error());
  MECHA_CO_TRY(auto unary, std::move(called));
  InvokeAnswer answer;
  answer.status = static_cast<int>(unary.status.code);
  answer.status_message = unary.status.message;
  answer.status_details = status_details(unary.status.details);
  copy_metadata(answer.headers, unary.headers);
  answer.headers.add("content-type", "application/grpc");
  copy_metadata(answer.trailers, unary.trailers);
  if (unary.status.ok()) {
    auto whole = decode_invoke_response(unary.message);
    if (!whole) co_return in_its_words(std::move(whole).error());
    auto decoded = *std::move(whole);
    answer.type_url = std::move(decoded.type_url);
    answer.content_type =
        answer.type_url.empty() ? std::move(decoded.content_type) : "application/x-protobuf";
    answer.length = decoded.data.size();
    answer.body = std::make_unique<net::TextBody>(std::move(decoded.data));
  }
  co_return answer;
}

}  // namespace mecha
