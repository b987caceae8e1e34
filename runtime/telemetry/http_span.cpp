#include "runtime/telemetry/http_span.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha::trace {

namespace {

constexpr std::array<std::pair<unsigned, std::string_view>, 62> kTexts{
    {{100, "Continue"},
     {101, "Switching Protocols"},
     {102, "Processing"},
     {103, "Early Hints"},
     {200, "OK"},
     {201, "Created"},
     {202, "Accepted"},
     {203, "Non-Authoritative Information"},
     {204, "No Content"},
     {205, "Reset Content"},
     {206, "Partial Content"},
     {207, "Multi-Status"},
     {208, "Already Reported"},
     {226, "IM Used"},
     {300, "Multiple Choices"},
     {301, "Moved Permanently"},
     {302, "Found"},
     {303, "See Other"},
     {304, "Not Modified"},
     {305, "Use Proxy"},
     {307, "Temporary Redirect"},
     {308, "Permanent Redirect"},
     {400, "Bad Request"},
     {401, "Unauthorized"},
     {402, "Payment Required"},
     {403, "Forbidden"},
     {404, "Not Found"},
     {405, "Method Not Allowed"},
     {406, "Not Acceptable"},
     {407, "Proxy Authentication Required"},
     {408, "Request Timeout"},
     {409, "Conflict"},
     {410, "Gone"},
     {411, "Length Required"},
     {412, "Precondition Failed"},
     {413, "Request Entity Too Large"},
     {414, "Request URI Too Long"},
     {415, "Unsupported Media Type"},
     {416, "Requested Range Not Satisfiable"},
     {417, "Expectation Failed"},
     {418, "I'm a teapot"},
     {421, "Misdirected Request"},
     {422, "Unprocessable Entity"},
     {423, "Locked"},
     {424, "Failed Dependency"},
     {425, "Too Early"},
     {426, "Upgrade Required"},
     {428, "Precondition Required"},
     {429, "Too Many Requests"},
     {431, "Request Header Fields Too Large"},
     {451, "Unavailable For Legal Reasons"},
     {500, "Internal Server Error"},
     {501, "Not Implemented"},
     {502, "Bad Gateway"},
     {503, "Service Unavailable"},
     {504, "Gateway Timeout"},
     {505, "HTTP Version Not Supported"},
     {506, "Variant Also Negotiates"},
     {507, "Insufficient Storage"},
     {508, "Loop Detected"},
     {510, "Not Extended"},
     {511, "Network Authentication Required"}}
};

void describe_store(
    Span& span, std::string_view kind, std::string_view name, const std::string& statement
) {
  span.set("db.system", std::string(kind));
  span.set("db.connection_string", std::string(kind));
  span.set("db.statement", statement);
  span.set("db.name", std::string(name));
}

// "<version>/invoke/<app>/method/<method>"
void describe_invocation(Span& span, std::string_view path) {
  constexpr std::string_view kInvoke = "/invoke/", kMethod = "/method/";
  const auto begin = path.find(kInvoke) + kInvoke.size();
  const auto end = path.find(kMethod, begin);
  if (end == std::string_view::npos) return;
  const std::string app(path.substr(begin, end - begin));
  span.set("rpc.service", "ServiceInvocation");
  span.set("net.peer.name", app);
  span.rename("CallLocal/" + app + "/" + std::string(path.substr(end + kMethod.size())));
}

}  // namespace

std::string_view status_text(unsigned status) {
  const auto it = std::ranges::find(kTexts, status, &std::pair<unsigned, std::string_view>::first);
  return it == kTexts.end() ? std::string_view{} : it->second;
}

void describe(Span& span, const HttpCall& call) {
  if (!span.recorded()) return;
  const std::string statement = std::string(call.method) + " " + std::string(call.path);
  span.set("dapr.protocol", "http");
  span.set("dapr.api", statement);
  span.set("http.request.method", std::string(call.method));
  span.set("url.full", std::string(call.path));
  const auto colon = call.client_address.rfind(':');
  std::string_view address = call.client_address.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']'))
    address = address.substr(1, address.size() - 2);
  span.set("server.address", std::string(address));
  if (colon != std::string_view::npos)
    span.set("server.port", std::string(call.client_address.substr(colon + 1)));
  span.remote(std::string(address));
  const auto parts =
      text::split(call.path, '/');  // the first is what stands before the leading slash
  if (parts.size() < 4 || !parts[1].starts_with("v1")) return;
  const std::string_view api = parts[2];
  if (api == "state" || api == "secrets" || api == "bindings")
    describe_store(span, api, parts[3], statement);
  if (api == "publish") span.set("messaging.system", "pubsub");
  if (api == "invoke") describe_invocation(span, call.path);
}

void finish(Span& span, unsigned status) {
  if (!span.recorded()) return;
  span.set("dapr.status_code", std::to_string(status));
  if (status < 400) return;
  span.fail("Code(" + std::to_string(status) + "): " + std::string(status_text(status)));
}

}  // namespace mecha::trace
