// One request to a sidecar from a program that waits for the answer.

#pragma once

#include <chrono>
#include <string>

#include "runtime/base/result.hpp"
#include "runtime/net/client.hpp"

namespace mecha::cli {

struct Request {
  net::Origin origin;  // 127.0.0.1 and a port, or a Unix socket
  std::string method = "GET";
  std::string target = "/";
  std::string content_type;
  std::string body;
  std::chrono::milliseconds limit{5000};
};

// The same on a loop that runs already. `origin` and so on are taken as they are; DAPR_API_TOKEN goes along.
Async<net::Response> send(Shards& shards, Request request);
// Blocks until the answer or the limit.
Result<net::Response> send_and_wait(Request request);

}  // namespace mecha::cli
