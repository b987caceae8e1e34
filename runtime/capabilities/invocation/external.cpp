#include "runtime/capabilities/invocation/external.hpp"

#include <optional>

#include "runtime/app/application.hpp"
#include "runtime/app/piped_call.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/redirect.hpp"
#include "runtime/net/url.hpp"

namespace mecha {
namespace {

// Endpoints come from YAML, URLs from callers: what callers can name must not fill the memory with pools.
constexpr std::size_t kClientsMax = 256;

// Scheme and authority of a URL, "http://host:port".
std::string_view origin_of(std::string_view url) {
  const auto authority = url.find("://") + 3;
  return url.substr(0, url.find_first_of("/?", authority));
}

// What is called, for the words of a URL that does not parse.
std::string whole_url(const std::string& base, const InvokeRequest& request) {
  auto url = base;
  if (!request.method.empty() && request.method.front() != '/') url += '/';
  url += request.method;
  return request.query.empty() ? url : url + "?" + request.query;
}

// appHttpPipeline, which stands only before applications that speak HTTP.
const middleware::Pipeline* app_pipeline(const RequestScope& scope) {
  const auto* channel = scope.app.channel.get();
  return channel != nullptr && channel->is_grpc() ? nullptr : scope.snapshot->app_http_pipeline.get();
}

// Takes user and password out of `url`. The value of the Authorization that says the same; empty without a user.
std::string take_user(std::string& url, const std::string& user_info) {
  if (user_info.empty()) return {};
  url.erase(url.find("://") + 3, user_info.size() + 1);
  const auto colon = user_info.find(':');
  const auto plain = [](std::string_view part) { return text::unescape_path(part).value_or(std::string(part)); };
  const auto password = colon == std::string::npos ? std::string() : plain(std::string_view(user_info).substr(colon + 1));
  return "Basic " + text::base64(plain(std::string_view(user_info).substr(0, colon)) + ":" + password);
}

std::vector<std::string> names_of(const net::Headers& headers) {
  std::vector<std::string> names;
  for (const auto& header : headers) names.emplace_back(header.name);
  return names;
}

// Makes `head` the request for the place that a redirect names.
Result<void> go_on(net::Redirects& way, std::string_view location, unsigned status, net::RequestHead& head) {
  net::RedirectedRequest request{.method = head.method, .headers = head.headers, .has_body = head.has_body};
  if (auto went = way.follow(location, status, request); !went) return fail(Code::internal, std::move(went).error().message);
  head.has_body = false;
  head.content_length = 0;
  head.target = way.url().target;
  head.authority = way.url().authority;
  return {};
}

class Body final : public net::BodyReader {
 public:
  Body(std::shared_ptr<net::Client> client, std::unique_ptr<net::ClientCall> call)
      : client_(std::move(client)), call_(std::move(call)) {}
  net::ClientCall& call() { return *call_; }
  Async<std::string_view> read() override { return call_->read(); }
  bool at_end() const override { return call_->at_end(); }

 private:
  std::shared_ptr<net::Client> client_;
  std::unique_ptr<net::ClientCall> call_;
};

}  // namespace

struct External::Target {
  std::string url;  // scheme, authority and the path that stands before the method
  net::TlsClientOptions tls;
  bool http2 = false;
  bool redirects = false;
};

Result<std::shared_ptr<net::Client>> External::client(const Target& target) {
  const auto origin_text = origin_of(target.url);
  std::string key{origin_text};
  key.append(target.http2 ? "|h2" : "|").append(target.tls.verify ? "" : "|insecure");
  key.append("|").append(target.tls.ca_pem).append("|").append(target.tls.certificate_pem);
  const std::lock_guard lock(mutex_);
  if (const auto it = clients_.find(key); it != clients_.end()) return it->second;

  MECHA_TRY(const auto url, net::parse_url(target.url));
  const bool secure = url.scheme == "https";
  net::Origin origin{.host = url.host, .port = url.port};

  net::ClientOptions options{.http2 = target.http2};
  options.connect_timeout = std::chrono::seconds(15);
  if (secure) {
    auto tls = target.tls;
    tls.alpn = {target.http2 ? "h2" : "http/1.1"};
    MECHA_TRY(options.tls, net::make_tls(tls));
  }
  if (clients_.size() >= kClientsMax) clients_.clear();
  return clients_[key] = std::make_shared<net::Client>(application_.shards, std::move(origin), std::move(options));
}

Async<InvokeAnswer> External::call_url(RequestScope& scope, std::string base, InvokeRequest& request) {
  Target target{.url = std::move(base)};
  net::Headers extra;
  if (const auto* channel = application_.channel.get()) {
    target.tls.verify = channel->protocol() != AppProtocol::https;
    target.http2 = channel->protocol() == AppProtocol::h2c;
    if (!channel->options().app_token.empty()) extra.add("dapr-api-token", channel->options().app_token);
  }
  co_return co_await send(scope, std::move(target), request, std::move(extra));
}

Async<InvokeAnswer> External::call_endpoint(
    RequestScope& scope, const HttpEndpointSpec& endpoint, InvokeRequest& request
) {
  Target target{.url = endpoint.base_url, .redirects = true};
  target.tls.ca_pem = endpoint.root_ca.value;
  target.tls.certificate_pem = endpoint.certificate.value;
  target.tls.private_key_pem = Secret(endpoint.private_key.value);
  net::Headers extra;
  for (const auto& header : endpoint.headers) {
    if (!text::equals_nocase(header.name, "host")) extra.add(header.name, header.value);
  }
  co_return co_await send(scope, std::move(target), request, std::move(extra));
}

Async<InvokeAnswer> External::send(
    RequestScope& scope, Target target, InvokeRequest& request, net::Headers extra
) {
  MECHA_CO_TRY(const auto url, net::parse_url(whole_url(target.url, request)));
  const auto authorization = take_user(target.url, url.user_info);
  if (!authorization.empty() && !request.headers.has("authorization") && !extra.has("authorization")) {
    extra.add("Authorization", authorization);
  }
  MECHA_CO_TRY(auto head, http_request_head(scope, request, target.url, extra));
  if (scope.span.valid()) head.headers.set("traceparent", scope.span.traceparent());
  // One walk for all hops: redirects are followed behind the middleware.
  std::shared_ptr<middleware::Walk> walk;
  if (const auto* pipeline = app_pipeline(scope)) {
    walk = std::make_shared<middleware::Walk>();
    if (auto reply = co_await walk->enter(*pipeline, head, {})) {
      auto body = std::make_unique<Body>(nullptr, replied_call(*walk, *std::move(reply)));
      MECHA_CO_TRY(auto* response, co_await body->call().head());
      co_return http_answer(*response, std::move(body));
    }
  }
  std::optional<net::Redirects> way;
  for (;;) {
    MECHA_CO_TRY(const auto pool, client(target));
    const MarkTimer timer(scope, Mark::app);
    const auto failed = [&](const Error& why) { return fail(net::url_error(why, head.method, std::string(origin_of(target.url)) + head.target)); };
    auto opened = co_await pool->open(net::RequestHead(head));
    if (!opened) co_return failed(opened.error());
    if (walk) opened = piped_call(walk, *std::move(opened), head.content_length);
    auto body = std::make_unique<Body>(pool, *std::move(opened));
    if (!way) MECHA_CO_TRY_VOID(co_await send_body(request, body->call()));
    const auto headed = co_await body->call().head();
    if (!headed) co_return failed(headed.error());
    auto* response = *headed;
    const auto location = response->headers.value_or("location");
    // 307 and 308 want the body again, which has gone.
    const bool same_again = response->status >= 307 && head.has_body;
    if (!target.redirects || !net::is_redirect(response->status) || location.empty() || same_again) {
      co_return http_answer(*response, std::move(body));
    }
    if (!way) {
      MECHA_CO_TRY(auto first, net::parse_url(std::string(origin_of(target.url)) + head.target));
      way.emplace(std::move(first), names_of(extra));
    }
    MECHA_CO_TRY_VOID(go_on(*way, location, response->status, head));
    target.url = way->url().origin();
  }
}

}  // namespace mecha
