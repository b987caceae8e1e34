// What the HTTP server knows of one request while it serves it. Internal to the server's files.

#pragma once

#include <string>

#include "api/http/answer.hpp"
#include "api/http/server.hpp"
#include "runtime/app/application.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::api {

struct HttpServer::Served {
  Served(Application& application, net::Exchange& exchange)
      : scope(application, application.snapshot(), Face::http),
        answer(exchange, scope),
        path(exchange.request().path()) {}

  RequestScope scope;
  Answer answer;
  std::string path;     // as received, escaped
  std::string cleaned;  // room for the clean form
  trace::Span span;
  const HttpRoute* matched = nullptr;
  bool admitted = false;  // past CORS and the token
  bool routed = false;    // past the middleware
};

}  // namespace mecha::api
