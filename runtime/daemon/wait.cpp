#include "runtime/daemon/wait.hpp"

#include <cstdio>

#include <boost/asio/co_spawn.hpp>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/client.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

asio::awaitable<void> ask(Shards& shards, std::uint16_t port) {
  net::Client client(shards, {.host = "localhost", .port = port}, {});
  const auto end = std::chrono::steady_clock::now() + 60s;
  while (std::chrono::steady_clock::now() < end) {
    net::RequestHead head;
    head.method = "GET";
    head.target = "/v1.0/healthz/outbound";
    head.authority = "localhost:" + std::to_string(port);
    head.content_length = 0;
    const auto answered = co_await client.fetch(std::move(head), {}, 500ms);
    if (answered && answered->head.status == 204) co_return;
    co_await sleep_for(100ms);
  }
  std::fprintf(stderr, "no sidecar became ready on port %u within 60 seconds\n", static_cast<unsigned>(port));
}

}  // namespace

int wait_for_sidecar(const std::string& port) {
  const auto number = text::to_uint(port);
  if (!number || *number > 65535) {
    std::fprintf(stderr, "--dapr-http-port must be a port, got %s\n", port.c_str());
    return 0;
  }
  Shards shards(1);
  asio::co_spawn(shards.executor(0), ask(shards, static_cast<std::uint16_t>(*number)), [&](std::exception_ptr) {
    shards.stop();
  });
  shards.run();
  return 0;
}

}  // namespace mecha
