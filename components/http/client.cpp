#include "components/http/client.hpp"

#include <algorithm>
#include <array>

#include "runtime/async/within.hpp"
#include "runtime/base/http_status.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/redirect.hpp"

namespace mecha::http {
namespace {

// Redirects name origins that nobody has configured.
constexpr std::size_t kClientsMax = 64;

// The connection's own, or of the origin alone.
bool is_reserved(std::string_view name) {
  constexpr std::array<std::string_view, 8> names{
      "host",
      "content-length",
      "transfer-encoding",
      "trailer",
      "connection",
      "upgrade",
      "keep-alive",
      "te"
  };
  return std::ranges::any_of(names, [name](auto other) {
    return text::equals_nocase(name, other);
  });
}

Result<net::RequestHead> head_of(const HttpCall& call, const net::Url& url) {
  net::RequestHead head;
  head.method = call.method;
  head.target = url.target;
  head.authority = url.authority;
  head.scheme = url.scheme;
  for (const auto& [name, value] : call.headers) {
    if (!text::is_token(name)) {
      return fail(
          Code::invalid_argument, "net/http: invalid header field name " + text::quote(name)
      );
    }
    if (!text::is_field_value(value)) {
      return fail(
          Code::invalid_argument, "net/http: invalid header field value for " + text::quote(name)
      );
    }
    if (!is_reserved(name)) head.headers.add(name, value);
  }
  if (!url.user_info.empty() && !head.headers.has("authorization")) {
    const auto plain = text::unescape_path(url.user_info).value_or(url.user_info);
    const auto pair = plain.find(':') == std::string::npos ? plain + ":" : plain;
    head.headers.add("Authorization", "Basic " + text::base64(pair));
  }
  head.content_length = call.body.size();
  head.has_body = !call.body.empty();
  return head;
}

Metadata metadata_of(const net::ResponseHead& head) {
  Metadata metadata;
  metadata["statusCode"] = std::to_string(head.status);
  metadata["status"] =
      std::to_string(head.status) + " " + std::string(status_text(head.status));
  for (const auto& [name, value] : head.headers) {
    const auto [it, fresh] = metadata.try_emplace(text::canonical_header(name), value);
    if (!fresh) it->second.append(", ").append(value);
  }
  if (head.content_length) metadata["Content-Length"] = std::to_string(*head.content_length);
  return metadata;
}

Async<std::string> read_body(net::ClientCall& call, std::uint64_t body_max, const Admits& admits) {
  std::string body;
  for (;;) {
    MECHA_CO_TRY(const auto piece, co_await call.read());
    if (piece.empty()) co_return body;
    if (admits) MECHA_CO_TRY_VOID(admits(piece.size()));
    body.append(piece.substr(0, body_max == 0 ? piece.size() : body_max - body.size()));
    if (body_max != 0 && body.size() >= body_max) {
      call.cancel();
      co_return body;
    }
  }
}

}  // namespace

std::shared_ptr<net::Client> HttpClient::client(const net::Url& url) {
  const std::lock_guard lock(mutex_);
  auto key = url.origin();
  if (const auto it = clients_.find(key); it != clients_.end()) return it->second;
  net::ClientOptions options;
  if (url.scheme == "https") options.tls = tls_;
  if (clients_.size() >= kClientsMax) clients_.clear();
  auto made = std::make_shared<net::Client>(
      shards_, net::Origin{.host = url.host, .port = url.port}, options
  );
  return clients_[std::move(key)] = std::move(made);
}

Async<HttpAnswer> HttpClient::send(
    HttpCall call, std::uint64_t body_max, std::optional<std::chrono::milliseconds> limit
) {
  const auto method = call.method, url = call.url;
  auto answered = limit ? co_await within(*limit, follow(std::move(call), body_max))
                        : co_await follow(std::move(call), body_max);
  if (!answered) co_return fail(net::url_error(std::move(answered).error(), method, url));
  co_return std::move(answered);
}

Async<HttpAnswer> HttpClient::follow(HttpCall call, std::uint64_t body_max) {
  MECHA_CO_TRY(auto first, net::parse_url(call.url));
  net::Redirects way(std::move(first), std::move(call.bound_headers));
  for (;;) {
    MECHA_CO_TRY(auto head, head_of(call, way.url()));
    const auto pool = client(way.url());
    MECHA_CO_TRY(auto sent, co_await pool->open(std::move(head)));
    if (!call.body.empty()) {
      // A server may answer before it has read all: what it says counts, not that it stopped
      // reading.
      const auto written = co_await sent->write(call.body);
      if (written) (void)co_await sent->finish_writing();
    }
    MECHA_CO_TRY(const auto* response, co_await sent->head());
    const auto location = response->headers.value_or("location");
    if (!call.follows_redirects || !net::is_redirect(response->status) || location.empty()) {
      HttpAnswer got{.status = response->status, .metadata = metadata_of(*response)};
      MECHA_CO_TRY(got.body, co_await read_body(*sent, body_max, call.admits));
      co_return got;
    }
    net::RedirectedRequest next{.method = call.method, .headers = call.headers, .has_body = !call.body.empty()};
    MECHA_CO_TRY_VOID(way.follow(location, response->status, next));
    if (!next.has_body) call.body.clear();
    call.has_body = next.has_body;
  }
}

}  // namespace mecha::http
