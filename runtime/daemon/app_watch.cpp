#include "runtime/daemon/app_watch.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

constexpr auto kDialLimit = 500ms;
constexpr auto kDialEvery = 100ms;
constexpr int kTriesPerLine = 100;

Async<void> dial(std::string host, std::uint16_t port) {
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  auto [unresolved, found] = co_await resolver.async_resolve(
      host, std::to_string(port), asio::as_tuple(asio::use_awaitable)
  );
  if (unresolved) co_return fail(Code::unavailable, unresolved.message());
  tcp::socket socket(executor);
  auto [error, endpoint] = co_await asio::async_connect(socket, found, asio::as_tuple(asio::use_awaitable));
  if (error) co_return fail(Code::unavailable, error.message());
  co_return Result<void>{};
}

}  // namespace

asio::awaitable<bool> AppWatch::wait_for_port() {
  const auto& options = application_.channel->options();
  const auto port = std::to_string(options.port);
  const auto waiting = "application protocol: " + std::string(protocol_name(options.protocol)) +
                       ". waiting on port " + port +
                       ".  This will block until the app is listening on that port.";
  application_.log.info(waiting);
  for (int tries = 1;; ++tries) {
    const auto dialled = co_await within(kDialLimit, dial(options.address, options.port));
    if (dialled) break;
    if (tries % kTriesPerLine == 0) application_.log.info(waiting);
    if (!co_await sleep_for(kDialEvery)) co_return false;
  }
  application_.log.info("application discovered on port " + port);
  co_return true;
}

asio::awaitable<bool> AppWatch::probe_once() {
  auto& channel = *application_.channel;
  const auto& probe = application_.probe;
  const auto limit = std::chrono::ceil<std::chrono::milliseconds>(probe.timeout);
  const auto begun = std::chrono::steady_clock::now();
  const auto spent = [&] { return milliseconds_since(begun); };
  if (channel.is_grpc()) {
    const auto called = co_await net::grpc::unary(
        channel.client(), "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck", {}, {}, limit, 4 << 20
    );
    const auto code = called ? called->status.code : called.error().code;
    const auto status = code_name(code);
    application_.metrics->count(Metric::grpc_io_healthprobes_completed_count, {status});
    application_.metrics->observe(Metric::grpc_io_healthprobes_roundtrip_latency, {status}, spent());
    co_return code == Code::ok;
  }
  net::RequestHead head;
  head.method = "GET";
  head.target = probe.path.starts_with('/') ? probe.path : "/" + probe.path;
  head.authority = channel.options().address + ":" + std::to_string(channel.options().port);
  head.content_length = 0;
  const auto answered = co_await channel.client().fetch(std::move(head), {}, limit);
  const unsigned code = answered ? answered->head.status : 0;
  const auto status = answered ? std::to_string(code) : std::string("500");
  application_.metrics->count(Metric::http_healthprobes_completed_count, {status});
  application_.metrics->observe(Metric::http_healthprobes_roundtrip_latency, {status}, spent());
  co_return code >= 200 && code < 300;
}

asio::awaitable<void> AppWatch::probe(std::function<asio::awaitable<void>(bool)> changed) {
  bool healthy = false;
  int failures = 0;
  for (;;) {
    const auto next = std::chrono::steady_clock::now() + application_.probe.interval;
    if (co_await probe_once()) {
      if (!healthy) {
        healthy = true;
        failures = 0;
        co_await changed(true);
      }
    } else if (healthy && ++failures >= application_.probe.threshold) {
      healthy = false;
      co_await changed(false);
    }
    const auto now = std::chrono::steady_clock::now();
    if (next > now && !co_await sleep_for(next - now)) co_return;
  }
}

}  // namespace mecha
