// How a capability's HTTP face is written: a table of routes, each with a handler that translates.
//
// The server (api/http/server) matches the cleaned, still escaped path, unescapes the parameters by query rules, opens the
// RequestScope, and runs token, CORS, logging and metrics around the handler (contract 01, 1.3 and 1.4).

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "components/component.hpp"
#include "runtime/net/exchange.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::api {

struct HttpRequest {
  RequestScope& scope;
  net::Exchange& exchange;
  std::vector<std::string> parameters;  // unescaped, in the order of the pattern; of `*` the rest

  const std::string& parameter(std::size_t index) const { return parameters[index]; }
  // `metadata.<key>=<value>` of the query (contract 01, 1.5).
  Metadata metadata() const;
  // The whole body, at most the server's limit. Fails with "stream too large" (Failure::body_too_large).
  Async<std::string> body();
};

using HttpHandler = std::function<asio::awaitable<void>(HttpRequest&)>;

struct HttpRoute {
  std::vector<std::string> methods;  // empty: any
  std::string pattern;               // "/v1.0/state/{storeName}/{key}", "/v1.0/publish/{pubsubname}/*"
  std::string name;                  // of the API log: "GetState"
  std::string group;                 // of allow and deny lists: "v1/state"
  HttpHandler handler;
  bool always_allowed = false;       // healthz
};

// Answers. The reference's shapes: contract 01, section 2; 02, section 0.2.
asio::awaitable<void> respond_error(HttpRequest& request, const Error& error);
asio::awaitable<void> respond_json(HttpRequest& request, unsigned status, std::string body, net::Headers headers = {});
asio::awaitable<void> respond_empty(HttpRequest& request, unsigned status = 204, net::Headers headers = {});
// The JSON text of an error, without a newline.
std::string error_json(const Error& error);

}  // namespace mecha::api
