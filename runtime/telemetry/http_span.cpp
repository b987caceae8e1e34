#include "runtime/telemetry/http_span.hpp"

#include "runtime/base/http_status.hpp"
#include "runtime/base/text.hpp"

namespace mecha::trace {
namespace {

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
  if (status >= 400) fail(span, status);
}

void fail(Span& span, unsigned status) {
  if (!span.recorded()) return;
  span.fail("Code(" + std::to_string(status) + "): " + std::string(status_text(status)));
}

}  // namespace mecha::trace
