// Invocation of targets that are no applications: URLs and HTTPEndpoint resources (contract 01, 5.2).

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/app/invoke.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha {

class Application;

class External {
 public:
  explicit External(Application& application) : application_(application) {}

  // A URL as target: like a call to our own application, without redirects, with its token.
  Async<InvokeAnswer> call_url(RequestScope& scope, std::string base, InvokeRequest& request);
  // A named endpoint: its headers, its TLS; redirects are followed.
  Async<InvokeAnswer> call_endpoint(RequestScope& scope, const HttpEndpointSpec& endpoint, InvokeRequest& request);

 private:
  struct Target;
  Async<InvokeAnswer> send(RequestScope& scope, Target target, InvokeRequest& request, net::Headers extra);
  Result<std::shared_ptr<net::Client>> client(const Target& target);

  Application& application_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<net::Client>> clients_;  // by origin and TLS settings
};

}  // namespace mecha
