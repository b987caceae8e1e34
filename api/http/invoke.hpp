// Service invocation over HTTP (contract 01, section 5): the route `/v1.0/invoke/*` and the fallback of the server.

#pragma once

#include <vector>

#include "api/http/route.hpp"

namespace mecha {
class Invocation;
}

namespace mecha::api {

std::vector<HttpRoute> invoke_routes(Invocation& invocation);
// Any path that no other route claims: an invocation by header, or the error that no target was named.
HttpHandler invoke_handler(Invocation& invocation);

struct InvokeTarget {
  std::string target, method;
};
// Where a request goes, by header, basic authentication or path, the first that hits; empty target: nowhere.
InvokeTarget find_invoke_target(const net::RequestHead& head);

}  // namespace mecha::api
