#include "api/http/invoke.hpp"

#include <array>
#include <utility>

#include "api/errors/common.hpp"
#include "api/http/sniff.hpp"
#include "runtime/app/invoke_codec.hpp"
#include "runtime/app/method.hpp"
#include "runtime/app/status_json.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/invocation/invocation.hpp"
#include "runtime/net/grpc.hpp"

namespace mecha::api {
namespace {

// The target of `Authorization: Basic base64("dapr-app-id:<id>")`.
std::string basic_target(std::string_view authorization) {
  constexpr std::string_view scheme = "basic ";
  if (!text::equals_nocase(authorization.substr(0, scheme.size()), scheme)) return {};
  const auto decoded = text::from_base64(authorization.substr(scheme.size()));
  if (!decoded) return {};
  const auto parts = text::split(*decoded, ':');
  if (parts.size() != 2 || !text::equals_nocase(parts[0], "dapr-app-id")) return {};
  return std::string(parts[1]);
}

// Cuts slashes and then `word` off the front of `path`; false if it does not stand there as a whole segment.
bool take_segment(std::string_view& path, std::string_view word) {
  while (path.starts_with('/')) path.remove_prefix(1);
  if (!path.starts_with(word) || path.size() == word.size() || path[word.size()] != '/') return false;
  path.remove_prefix(word.size());
  return true;
}

InvokeTarget path_target(std::string_view path) {
  if (!take_segment(path, "v1.0") || !take_segment(path, "invoke")) return {};
  while (path.starts_with('/')) path.remove_prefix(1);
  const auto separator = path.find("/method/");
  if (separator == std::string_view::npos || separator == 0) return {};
  const auto target = path.substr(0, separator);
  return {
      text::unescape_query(target).value_or(std::string(target)),
      std::string(path.substr(separator + 8)),
  };
}

std::string verb_of(std::string_view method) {
  auto verb = text::upper(method);
  return verb_number(verb) == 0 ? "POST" : verb;
}

InvokeRequest make_request(HttpRequest& http, std::string method) {
  const auto& head = http.exchange.request();
  InvokeRequest request;
  request.method = std::move(method);
  request.verb = verb_of(head.method);
  request.query = std::string(head.query());
  for (const auto& field : head.headers) {
    if (text::equals_nocase(field.name, "dapr-app-id")) continue;
    request.headers.add(text::canonical_header(field.name), field.value);
  }
  request.content_type = std::string(head.headers.value_or("content-type"));
  request.length = head.has_body ? head.content_length : std::optional<std::uint64_t>(0);
  if (head.has_body) request.body = &http.exchange.body();
  return request;
}

// Takes the headers out of the answer.
net::Headers answer_headers(InvokeAnswer& answer) {
  auto headers = std::move(answer.headers);
  keep_end_to_end(headers);
  auto type = answer.content_type;
  if (type.empty() && !answer.is_grpc()) type = std::string(headers.value_or("content-type"));
  const auto reserved = [](const net::Headers::Field& field) {
    return field.name.size() > 5 && text::equals_nocase(field.name.substr(0, 5), "grpc-");
  };
  net::Headers renamed;
  for (const auto& field : headers) {
    if (reserved(field)) renamed.add("dapr-" + std::string(field.name), field.value);
  }
  bool carries_baggage = false;  // of several fields the first one counts
  headers.erase_if([&](const net::Headers::Field& field) {
    if (text::equals_nocase(field.name, "baggage")) return std::exchange(carries_baggage, true);
    return reserved(field) || text::equals_nocase(field.name, "content-type");
  });
  for (const auto& field : renamed) headers.add(field.name, field.value);
  if (!type.empty()) headers.add("Content-Type", type);
  return headers;
}

Async<std::string_view> read_in_time(InvokeAnswer& answer) {
  if (!answer.deadline) return answer.body->read();
  return within(*answer.deadline - std::chrono::steady_clock::now(), answer.body->read());
}

// Passes the body on piece by piece, each flushed as it comes.
asio::awaitable<void> stream(HttpRequest& http, net::ResponseHead head, InvokeAnswer& answer, std::string first) {
  if (!co_await http.exchange.start(std::move(head))) co_return;
  if (!co_await http.exchange.write(first)) co_return;
  for (;;) {
    const auto piece = co_await read_in_time(answer);
    if (!piece) {
      // The status has gone out: all that is left is to let nobody take a part for the whole.
      http.exchange.abort();
      co_return;
    }
    if (piece->empty()) break;
    if (!co_await http.exchange.write(*piece)) co_return;
  }
  (void)co_await http.exchange.finish();
}

asio::awaitable<void> answer_success(HttpRequest& http, net::ResponseHead head, InvokeAnswer& answer) {
  std::string first;
  if (answer.body) {
    const auto piece = co_await read_in_time(answer);
    if (!piece) {
      co_await respond_error(http, errors::direct_invoke("", piece.error().message));
      co_return;
    }
    first = *piece;
  }
  if (first.empty() && http.exchange.request().method == "HEAD") {
    // Without a body there is no length to tell.
    if (co_await http.exchange.start(std::move(head))) (void)co_await http.exchange.finish();
    co_return;
  }
  if (first.empty()) {
    (void)co_await http.exchange.respond(std::move(head), {});
    co_return;
  }
  if (!head.headers.has("content-type") && head.headers.value_or("content-encoding").empty()) {
    head.headers.add("Content-Type", sniff_content_type(first));
  }
  if (answer.length == first.size() || answer.body->at_end()) {
    head.chunked = true;
    (void)co_await http.exchange.respond(std::move(head), std::move(first));
    co_return;
  }
  co_await stream(http, std::move(head), answer, std::move(first));
}

// An answer of a gRPC application that is an error: the status as JSON text (contract 01, 8.3).
asio::awaitable<void> answer_status(HttpRequest& http, InvokeAnswer& answer) {
  const auto code = net::grpc::code_of(answer.status);
  net::ResponseHead head{.status = http_status_of(code), .headers = answer_headers(answer)};
  auto body = status_json(answer.status, answer.status_message, answer.status_details);
  if (!body) {
    co_await respond_error(http, body.error());
    co_return;
  }
  head.headers.set("Content-Type", sniff_content_type(*body));
  (void)co_await http.exchange.respond(std::move(head), *std::move(body));
}

asio::awaitable<void> answer_events(HttpRequest& http, InvokeAnswer& answer) {
  net::ResponseHead head{.status = 200, .headers = answer_headers(answer)};
  std::string first;
  if (answer.body) {
    const auto piece = co_await read_in_time(answer);
    if (piece) first = *piece;
  }
  head.headers.set("Content-Type", "text/event-stream");
  head.headers.set("Cache-Control", "no-cache");
  head.headers.set("Connection", "keep-alive");
  co_await stream(http, std::move(head), answer, std::move(first));
}

asio::awaitable<void> answer_failure(HttpRequest& http, InvokeAnswer& answer) {
  net::ResponseHead head{
      .status = static_cast<unsigned>(answer.status), .headers = answer_headers(answer)};
  if (!head.headers.has("content-type")) head.headers.add("Content-Type", "application/json");
  std::string body;
  if (answer.body) {
    auto read = co_await net::read_all(*answer.body);
    if (read) body = std::move(*read);
  }
  (void)co_await http.exchange.respond(std::move(head), std::move(body));
}

asio::awaitable<void> invoke(Invocation& invocation, HttpRequest& http) {
  auto found = find_invoke_target(http.exchange.request());
  if (found.target.empty()) {
    co_await respond_error(http, errors::no_app_id());
    co_return;
  }
  const bool events = wants_events(http.exchange.request().headers);
  auto request = make_request(http, std::move(found.method));
  const bool streaming = request.body != nullptr && !request.length;
  auto invoked = co_await invocation.invoke(http.scope, std::move(found.target), std::move(request));
  if (!invoked) {
    co_await respond_error(http, invoked.error());
  } else if (events && invoked->remote && (invoked->status == 0 || invoked->status / 100 == 2)) {
    co_await answer_events(http, *invoked);
  } else if (invoked->is_grpc() && invoked->status != 0) {
    co_await answer_status(http, *invoked);
  } else if (invoked->success() || streaming || (events && !invoked->remote)) {
    net::ResponseHead head{
        .status = invoked->is_grpc() ? 200U : static_cast<unsigned>(invoked->status),
        .headers = answer_headers(*invoked)};
    co_await answer_success(http, std::move(head), *invoked);
  } else {
    co_await answer_failure(http, *invoked);
  }
}

}  // namespace

InvokeTarget find_invoke_target(const net::RequestHead& head) {
  const auto path = text::unescape_path(head.path()).value_or(std::string(head.path()));
  if (const auto header = head.headers.value_or("dapr-app-id"); !header.empty()) {
    return {std::string(header), path};
  }
  if (auto basic = basic_target(head.headers.value_or("authorization")); !basic.empty()) {
    return {std::move(basic), path};
  }
  return path_target(path);
}

HttpHandler invoke_handler(Invocation& invocation) {
  return [&invocation](HttpRequest& http) { return invoke(invocation, http); };
}

std::vector<HttpRoute> invoke_routes(Invocation& invocation) {
  std::vector<HttpRoute> routes;
  routes.push_back({
      .methods = {},
      .pattern = "/v1.0/invoke/*",
      .name = "InvokeService",
      .group = "v1/invoke",
      .handler = invoke_handler(invocation),
  });
  return routes;
}

}  // namespace mecha::api
