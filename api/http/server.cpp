#include "api/http/server.hpp"

#include "api/errors/common.hpp"
#include "api/http/answer.hpp"
#include "api/http/piped_exchange.hpp"
#include "api/http/served.hpp"
#include "runtime/app/application.hpp"
#include "runtime/app/caller_watch.hpp"
#include "runtime/base/text.hpp"
#include "runtime/security/api_token.hpp"
#include "runtime/telemetry/baggage.hpp"
#include "runtime/telemetry/http_span.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::api {
namespace {

net::Headers plain_text() {
  return {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}};
}

asio::awaitable<void> respond_plain(net::Exchange& exchange, unsigned status, std::string text) {
  (void)co_await exchange.respond({.status = status, .headers = plain_text()}, std::move(text));
}

}  // namespace

HttpServer::HttpServer(
    Application& application, HttpServerOptions options, std::vector<HttpRoute> routes, HttpHandler fallback
)
    : application_(application),
      options_(std::move(options)),
      api_log_(application.log.scoped("dapr.runtime.http-info")) {
  for (auto& route : routes) router_.add(std::move(route));
  fallback_.name = "InvokeService";
  fallback_.handler = std::move(fallback);
  if (!options_.allowed_origins.empty() && !options_.public_port) {
    cors_ = std::make_unique<Cors>(options_.allowed_origins);
  }
}

HttpServer::~HttpServer() = default;

asio::awaitable<void> HttpServer::serve(net::Exchange& exchange) {
  if (exchange.request().target == "*" && exchange.request().method == "OPTIONS") {
    // About the server as a whole; the reference's answers by itself, before all else.
    (void)co_await exchange.respond({.status = 200}, {});
    co_return;
  }
  Served served(application_, exchange);
  if (options_.timing_always || exchange.request().headers.value_or("mecha-timing") == "1") {
    served.scope.timing = true;
  }
  const CallerWatch watch(served.scope, exchange);
  try {
    if (begin_trace(served)) {
      co_await guarded(served);
    } else {
      const auto invalid = telemetry::check_baggage(served.scope.baggage);
      served.scope.baggage.clear();
      co_await respond_plain(
          served.answer, 400, "invalid baggage header: " + invalid.error().message + "\n"
      );
    }
  } catch (const boost::system::system_error& error) {
    if (!watch.gave_up(error)) throw;
    served.answer.given_up = true;
  }
  co_await watch.settle();
  if (served.admitted) trace::finish(served.span, served.answer.status());
  const auto& logging = served.scope.snapshot->configuration.api_logging;
  if (served.routed && options_.api_logging.value_or(logging.enabled.value_or(false)) && !options_.public_port) log(served);
  measure(served);
}

// False when the baggage is malformed.
bool HttpServer::begin_trace(Served& served) {
  auto& tracer = *application_.tracer;
  if (tracer.mode() == trace::Mode::off) return true;
  if (served.path.find("/healthz") != std::string::npos) return true;
  const auto& head = served.answer.request();
  served.scope.baggage = telemetry::joined_baggage(head.headers.all("baggage"));
  if (!served.scope.baggage.empty() && !telemetry::check_baggage(served.scope.baggage)) return false;
  if (const auto incoming = head.headers.get("traceparent")) {
    served.scope.parent = trace::parse_traceparent(*incoming);
    const auto state = head.headers.value_or("tracestate");
    if (served.scope.parent && state.size() <= 512) served.scope.parent->state = std::string(state);
  }
  served.span = tracer.start(served.path, trace::Kind::client, served.scope.parent);
  served.scope.span = served.span.context();
  served.answer.traced = true;
  if (served.span.recorded()) {
    const auto path = text::unescape_path(served.path).value_or(served.path);
    trace::describe(served.span, {.method = head.method, .path = path, .client_address = served.answer.peer().address});
    for (const auto& field : head.headers) {
      const auto name = text::lower(field.name);
      if (name.starts_with("dapr-") && name != security::kApiTokenHeader) served.span.set(name, std::string(field.value));
    }
  }
  return true;
}

asio::awaitable<void> HttpServer::guarded(Served& served) {
  const auto& head = served.answer.request();
  if (cors_) {
    if (auto preflight = cors_->preflight(head)) {
      (void)co_await served.answer.respond(std::move(*preflight), {});
      co_return;
    }
    served.answer.extra = cors_->headers(head);
  }
  const auto& token = application_.info.api_token;
  if (!token.empty() && !options_.public_port) {
    if (!security::api_token_admits(token, head.method, served.path, head.headers)) {
      co_await respond_plain(served.answer, 401, "invalid api token\n");
      co_return;
    }
    served.answer.mutable_request().headers.erase("dapr-api-token");
  }
  served.admitted = true;
  const auto* pipeline = options_.public_port ? nullptr : served.scope.snapshot->http_pipeline.get();
  if (pipeline == nullptr) {
    co_await route(served, served.answer);
  } else {
    co_await pass(served, *pipeline);
  }
}

asio::awaitable<void> HttpServer::pass(Served& served, const middleware::Pipeline& pipeline) {
  middleware::Walk walk;
  PipedExchange exchange(served.answer, walk);
  auto& request = served.answer.mutable_request();
  auto reply = co_await walk.enter(pipeline, request, served.answer.peer().address);
  if (reply) {
    (void)co_await exchange.respond({.status = reply->status, .headers = std::move(reply->headers)}, std::move(reply->body));
    co_return;
  }
  co_await route(served, exchange);
}

asio::awaitable<void> HttpServer::route(Served& served, net::Exchange& exchange) {
  served.routed = true;
  const auto path = clean_escaped_path(served.path, served.cleaned);
  const auto match = router_.match(served.answer.request().method, path);
  served.matched = match.route;
  if (match.route == nullptr && !fallback_.handler) {
    if (match.allowed.empty()) {
      co_await respond_plain(exchange, 404, "404 page not found\n");
    } else {
      (void)co_await exchange.respond({.status = 405, .headers = {{"Allow", match.allowed}}}, {});
    }
    co_return;
  }
  HttpRequest request{served.scope, exchange, {}};
  for (const auto parameter : match.parameters) {
    auto plain = text::unescape_query(parameter);
    if (!plain) {
      co_await respond_plain(
          exchange, 400, "failed to unescape request parameter " + text::quote(parameter) + ".\n"
      );
      co_return;
    }
    request.parameters.push_back(std::move(*plain));
  }
  if (const auto& waiting = served.scope.snapshot->waiting; !waiting.empty() && !request.parameters.empty()) {
    if (const auto it = waiting.find(request.parameters.front()); it != waiting.end()) {
      served.answer.component_state = it->second;
    }
  }
  const auto& chosen = match.route != nullptr ? *match.route : fallback_;
  co_await chosen.handler(request);
}

void HttpServer::log(const Served& served) const {
  const bool health = served.matched != nullptr && served.matched->always_allowed;
  const auto& logging = served.scope.snapshot->configuration.api_logging;
  if (health && logging.omit_health_checks) return;
  const auto& head = served.answer.request();
  std::string method;
  if (logging.obfuscate_urls) {
    method = served.matched != nullptr ? served.matched->name : "InvokeService";
    if (!served.scope.target.empty()) method += "/" + served.scope.target;
  } else {
    method = head.method + " " + text::unescape_path(served.path).value_or(served.path);
  }
  const auto spent = RequestScope::Clock::now() - served.scope.begun;
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(spent).count();
  const auto code = static_cast<std::int64_t>(served.answer.status());
  const auto size = static_cast<std::int64_t>(served.answer.sent_bytes());
  const auto agent = head.headers.value_or("user-agent");
  if (agent.empty()) {
    api_log_.always(
        Level::info,
        "HTTP API Called",
        {{"method", method}, {"code", code}, {"size", size}, {"duration", std::int64_t{duration}}}
    );
    return;
  }
  api_log_.always(
      Level::info,
      "HTTP API Called",
      {{"method", method},
       {"useragent", agent},
       {"code", code},
       {"size", size},
       {"duration", std::int64_t{duration}}}
  );
}

}  // namespace mecha::api
