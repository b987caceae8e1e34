#include "runtime/app/invoke.hpp"

#include <algorithm>
#include <array>

#include "runtime/app/application.hpp"
#include "runtime/base/text.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha {

Async<InvokeAnswer> invoke_grpc_application(RequestScope& scope, InvokeRequest& request);

namespace {

bool ends_with_nocase(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() && text::equals_nocase(text.substr(text.size() - suffix.size()), suffix);
}

bool starts_with_nocase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && text::equals_nocase(text.substr(0, prefix.size()), prefix);
}

// Characters that may stand unescaped in a URL path, besides '%' (net/url's validEncoded).
bool valid_in_path(char c) {
  const auto u = static_cast<unsigned char>(c);
  if ((u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9')) return true;
  return std::string_view("-_.~!$&'()*+,;=:@[]%/").find(c) != std::string_view::npos;
}

// The method in escaped form: as it is when it already is a valid escaped path, else escaped anew. Fails when a '%' in it
// escapes nothing, as the outgoing URL would not parse.
Result<std::string> escaped_method(std::string_view method, std::string_view url) {
  const auto plain = text::unescape_path(method);
  if (!plain) {
    const auto bad = method.substr(method.find('%'), 3);
    return fail(
        Code::internal,
        "parse " + text::quote(url) + ": invalid URL escape " + text::quote(bad)
    );
  }
  bool valid = true;
  for (const char c : method) valid = valid && valid_in_path(c);
  if (valid) return std::string(method);
  return text::escape(*plain, "$&+,/:;=@");
}

bool known_verb(std::string_view verb) {
  constexpr std::array<std::string_view, 8> verbs{
      "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"};
  for (const auto known : verbs) {
    if (known == verb) return true;
  }
  return false;
}

// What callers see nested in the text of a failed call.
std::unexpected<Error> invalid(std::string message) {
  Error error{.code = Code::invalid_argument, .message = std::move(message)};
  error.message = error.as_rpc_text();
  return fail(std::move(error));
}

// With tracing the application gets the trace of our span, or none where nothing valid came in; without, what the caller sent.
bool consumes_trace(const RequestScope& scope) {
  return scope.app.tracer != nullptr && scope.app.tracer->mode() != trace::Mode::off;
}

// A header of the caller as the application sees it; nothing for those that stay behind.
void pass_header(net::Headers& out, const net::Headers::Field& field, bool traced) {
  const auto name = field.name;
  const auto is = [&](std::string_view other) { return text::equals_nocase(name, other); };
  if (is("content-type") || is("host") || is("destination-app-id")) return;
  if (traced && (is("traceparent") || is("tracestate") || is("grpc-trace-bin"))) return;
  if (is("baggage") && out.has("baggage")) return;
  if (name.starts_with(':')) {
    out.add("dapr-" + std::string(name.substr(1)), field.value);
  } else if (starts_with_nocase(name, "grpc-")) {
    out.add("dapr-" + std::string(name), field.value);
  } else {
    out.add(name, field.value);
  }
}

// The body of an application's answer. Keeps the call, and with it the concurrency slot, until it is read or dropped.
class AppBody final : public net::BodyReader {
 public:
  explicit AppBody(std::unique_ptr<AppCall> call) : call_(std::move(call)) {}
  AppCall& call() { return *call_; }
  Async<std::string_view> read() override { return call_->call().read(); }
  bool at_end() const override { return call_->call().at_end(); }

 private:
  std::unique_ptr<AppCall> call_;
};

Async<InvokeAnswer> invoke_http_application(RequestScope& scope, InvokeRequest& request) {
  auto& channel = *scope.app.channel;
  const auto& options = channel.options();
  const auto scheme = options.protocol == AppProtocol::https ? "https://" : "http://";
  const auto base = scheme + options.address + ":" + std::to_string(options.port);
  MECHA_CO_TRY(auto head, http_request_head(scope, request, base, {}));
  MECHA_CO_TRY(auto opened, co_await channel.open(scope, std::move(head), request.length.value_or(0)));
  const MarkTimer timer(scope, Mark::app);
  auto body = std::make_unique<AppBody>(std::move(opened));
  auto& call = body->call();
  if (request.body != nullptr) MECHA_CO_TRY_VOID(co_await send_body(request, call.call()));
  const auto headed = co_await call.call().head();
  if (!headed) co_return fail(call.explained(headed.error()));
  auto* answer = *headed;
  MECHA_CO_TRY(auto result, http_answer(*answer, std::move(body)));
  call.answered(answer->status, result.length.value_or(0));
  co_return std::move(result);
}

}  // namespace

bool seldom_has_body(std::string_view verb) {
  return verb == "GET" || verb == "HEAD" || verb == "DELETE" || verb == "OPTIONS" || verb == "TRACE";
}

bool wants_events(const net::Headers& headers) {
  const auto accept = headers.all("accept");
  return accept.size() == 1 && text::equals_nocase(text::trim(accept.front()), "text/event-stream");
}

bool is_hop_by_hop(std::string_view name) {
  const auto is = [&](std::string_view other) { return text::equals_nocase(name, other); };
  // Told apart by length first: nearly all fields leave here.
  switch (name.size()) {
    case 2: return is("te");
    case 7: return is("upgrade") || is("trailer");
    case 10: return is("connection") || is("keep-alive");
    case 14: return is("http2-settings") || is("content-length");
    case 16: return is("proxy-connection");
    case 17: return is("transfer-encoding");
    case 18: return is("proxy-authenticate");
    case 19: return is("proxy-authorization");
    default: return false;
  }
}

void keep_end_to_end(net::Headers& headers) {
  std::vector<std::string> nominated;
  for (const auto value : headers.all("connection")) {
    for (const auto name : text::split(value, ',')) nominated.emplace_back(text::trim(name));
  }
  headers.erase_if([&](const net::Headers::Field& field) {
    if (is_hop_by_hop(field.name) || ends_with_nocase(field.name, "-bin")) return true;
    return std::ranges::any_of(nominated, [&](const std::string& name) {
      return text::equals_nocase(name, field.name);
    });
  });
}

Result<net::RequestHead> http_request_head(
    const RequestScope& scope, InvokeRequest& request, std::string_view base, const net::Headers& extra
) {
  if (!request.http_part) return invalid("missing HTTP extension field");
  if (!known_verb(request.verb)) return invalid("invalid HTTP verb");
  net::RequestHead head;
  head.method = request.verb;
  std::string url{base};
  if (!request.method.empty() && request.method.front() != '/') url += '/';
  MECHA_TRY(const auto method, escaped_method(request.method, url + request.method));
  url += method;
  const auto authority = url.find("://") + 3;
  const auto path = url.find_first_of("/?", authority);
  head.target = path == std::string::npos ? "/" : url.substr(path);
  if (head.target.front() == '?') head.target.insert(0, "/");
  head.authority = url.substr(authority, path == std::string::npos ? std::string::npos : path - authority);
  // What stands behind a raw '#' is a fragment, which goes to nobody.
  if (!request.query.empty()) head.target.append("?").append(request.query, 0, request.query.find('#'));

  const bool traced = consumes_trace(scope);
  keep_end_to_end(request.headers);
  for (const auto& field : request.headers) pass_header(head.headers, field, traced);
  if (!request.type_url.empty()) {
    head.headers.add("Content-Type", "application/x-protobuf");
  } else if (!request.content_type.empty()) {
    head.headers.add("Content-Type", request.content_type);
  }
  for (const auto& field : extra) head.headers.erase(field.name);
  for (const auto& field : extra) head.headers.add(field.name, field.value);
  head.has_body = request.body != nullptr;
  head.content_length = head.has_body ? request.length : std::optional<std::uint64_t>(0);
  return head;
}

Result<InvokeAnswer> http_answer(net::ResponseHead& head, std::unique_ptr<net::BodyReader> body) {
  if (head.status < 200) {
    return fail(Code::internal, "the application answered with status " + std::to_string(head.status) + ", which ends no request");
  }
  InvokeAnswer answer;
  answer.status = static_cast<int>(head.status);
  answer.content_type = std::string(head.headers.value_or("content-type"));
  answer.headers = std::move(head.headers);
  keep_end_to_end(answer.headers);
  answer.length = head.content_length;
  answer.body = std::move(body);
  return answer;
}

Async<void> send_body(const InvokeRequest& request, net::ClientCall& call) {
  if (request.body == nullptr) co_return Result<void>{};
  for (;;) {
    MECHA_CO_TRY(const std::string_view piece, co_await request.body->read());
    if (piece.empty()) break;
    const auto written = co_await call.write(piece);
    if (!written) co_return Result<void>{};  // the answer tells why
  }
  (void)co_await call.finish_writing();
  co_return Result<void>{};
}

Async<InvokeAnswer> invoke_application(RequestScope& scope, InvokeRequest& request) {
  if (scope.app.channel->is_grpc()) return invoke_grpc_application(scope, request);
  return invoke_http_application(scope, request);
}

}  // namespace mecha
