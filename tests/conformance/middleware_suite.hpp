// What every middleware promises (contract 01, section 7; components/middleware/middleware.hpp), as checks that each type
// runs.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "components/middleware/middleware.hpp"

namespace mecha {
class Catalog;
}

namespace mecha::conformance {

// One middleware on a shard of its own, started and stopped with the bench.
class MiddlewareBench {
 public:
  using Register = std::function<void(Catalog&)>;
  using Settings = std::map<std::string, std::string>;

  MiddlewareBench(Register add, std::string type, Settings settings);
  ~MiddlewareBench();

  // "" if it starts.
  std::string start_error();
  middleware::Middleware& member() { return *member_; }
  Shards& shards();

  struct Outcome {
    net::RequestHead request;
    std::optional<middleware::Reply> reply;
    middleware::Step step;
  };
  Outcome enter(net::RequestHead request, std::string remote = "127.0.0.1:4711");

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::shared_ptr<middleware::Middleware> member_;
  std::string error_;
};

net::RequestHead request_to(std::string target, std::string method = "GET", net::Headers headers = {});

// `passes` is let through each time, `refused` is replied to each time (empty target: there is no such request).
void middleware(MiddlewareBench& bench, const net::RequestHead& passes, const net::RequestHead& refused);

}  // namespace mecha::conformance
