#include "cli/request.hpp"

#include <cstdlib>
#include <optional>

#include <boost/asio/co_spawn.hpp>

namespace mecha::cli {

Async<net::Response> send(Shards& shards, Request request) {
  net::Client client(shards, request.origin, {.connect_timeout = std::min(request.limit, std::chrono::milliseconds(5000))});
  net::RequestHead head;
  head.method = request.method;
  head.target = request.target;
  head.authority = request.origin.unix_path.empty() ? request.origin.host + ":" + std::to_string(request.origin.port) : "localhost";
  head.content_length = request.body.size();
  head.has_body = !request.body.empty();
  if (!request.content_type.empty()) head.headers.add("content-type", request.content_type);
  if (const char* token = std::getenv("DAPR_API_TOKEN"); token != nullptr && *token != '\0') head.headers.add("dapr-api-token", token);
  auto answer = co_await client.fetch(std::move(head), std::move(request.body), request.limit);
  client.drop_connections();
  co_return std::move(answer);
}

Result<net::Response> send_and_wait(Request request) {
  Shards shards(1);
  std::optional<Result<net::Response>> answer;
  asio::co_spawn(shards.executor(0), send(shards, std::move(request)), [&](std::exception_ptr failed, Result<net::Response> got) {
    if (failed) answer.emplace(fail(Code::internal, "the request could not be sent"));
    else answer.emplace(std::move(got));
    shards.stop();
  });
  shards.run();
  return *std::move(answer);
}

}  // namespace mecha::cli
