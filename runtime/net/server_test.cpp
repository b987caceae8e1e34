#include <atomic>
#include <filesystem>

#include <sys/un.h>

#include "runtime/async/within.hpp"
#include "runtime/net/wire_test.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace mecha::net::testing;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

asio::awaitable<void> answer_ok(Exchange& exchange) {
  (void)co_await exchange.respond(ResponseHead{}, "ok");
}

asio::awaitable<void> answer_late(Exchange& exchange) {
  co_await sleep_for(200ms);
  (void)co_await exchange.respond(ResponseHead{}, "late");
}

asio::awaitable<void> answer_never(Exchange& exchange) {
  co_await sleep_for(60s);
  (void)co_await exchange.respond(ResponseHead{}, "never");
}

using mecha::testing::eventually;

// A handler that tells when it is asked.
Handler telling(Handler handler, std::atomic<bool>& asked) {
  return [handler = std::move(handler), &asked](Exchange& exchange) {
    asked = true;
    return handler(exchange);
  };
}

int dial_unix(const std::string& path) {
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return descriptor;
  ::close(descriptor);
  return -1;
}

}  // namespace

TEST_CASE("connections are dealt out to the shards in turn", "[net][server]") {
  std::atomic<int> first = 0, second = 0;
  TestServer server(
      [&](Exchange& exchange) {
        ++(Shards::current() == 0 ? first : second);
        return answer_ok(exchange);
      },
      {}, 2
  );
  for (int i = 0; i < 4; ++i) {
    auto raw = Raw::dial(server.port());
    raw.send(kGet);
    CHECK(raw.read_until("ok").ends_with("ok"));
  }
  CHECK(first == 2);
  CHECK(second == 2);
  CHECK(eventually([&] { return server.connections() == 0; }));
}

TEST_CASE("connections over the maximum are closed at once", "[net][server]") {
  ServerOptions options;
  options.connections_max = 1;
  TestServer server(answer_ok, options);
  auto first = Raw::dial(server.port());
  first.send(kGet);
  CHECK(first.read_until("ok").ends_with("ok"));
  auto second = Raw::dial(server.port());
  CHECK(second.read_all().empty());
  first.close();
  REQUIRE(eventually([&] { return server.connections() == 0; }));
  auto third = Raw::dial(server.port());
  third.send(kGet);
  CHECK(third.read_until("ok").ends_with("ok"));
}

TEST_CASE("a graceful stop ends idle connections and lets requests in flight answer", "[net][server]") {
  std::atomic<bool> asked = false;
  TestServer server(telling(answer_late, asked));
  auto idle = Raw::dial(server.port());
  auto busy = Raw::dial(server.port());
  busy.send(kGet);
  REQUIRE(eventually([&] { return server.connections() == 2 && asked; }));
  server.stop(5s);
  CHECK(idle.read_all().empty());
  CHECK(idle.ended());
  const auto answer = busy.read_all();
  CHECK(answer.find("Connection: close\r\n") != std::string::npos);
  CHECK(answer.ends_with("late"));
}

TEST_CASE("requests that outlive the grace are broken off", "[net][server]") {
  const auto begin = std::chrono::steady_clock::now();
  {
    std::atomic<bool> asked = false;
    TestServer server(telling(answer_never, asked));
    auto busy = Raw::dial(server.port());
    busy.send(kGet);
    REQUIRE(eventually([&] { return asked.load(); }));
    server.stop(50ms);
    CHECK(busy.read_all().empty());
  }
  CHECK(std::chrono::steady_clock::now() - begin < 4s);
}

TEST_CASE("a taken port is refused in the reference's words", "[net][listener]") {
  const auto first = Listener::tcp("127.0.0.1", 0);
  REQUIRE(first);
  const auto second = Listener::tcp("127.0.0.1", first->port());
  REQUIRE_FALSE(second);
  CHECK(second.error().message ==
        "listen tcp 127.0.0.1:" + std::to_string(first->port()) + ": bind: address already in use");
  CHECK_FALSE(Listener::tcp("no.such.address", 0).has_value());
}

TEST_CASE("a listener on all interfaces takes both families", "[net][listener]") {
  const auto listener = Listener::tcp("", 0);
  REQUIRE(listener);
  auto raw = Raw::dial(listener->port());
  const auto local = Listener::tcp("localhost", 0);
  CHECK(local.has_value());
}

TEST_CASE("a stale socket file is replaced, a served one is not", "[net][listener]") {
  const auto path = std::filesystem::temp_directory_path() / ("mecha-net-" + std::to_string(::getpid()));
  {
    auto first = Listener::unix_socket(path);
    REQUIRE(first);
    const auto second = Listener::unix_socket(path);
    REQUIRE_FALSE(second);
    CHECK(second.error().message == "listen unix " + path.string() + ": bind: address already in use");
    ::close(first->release());  // the file stays, as after a kill
  }
  {
    const auto third = Listener::unix_socket(path);
    REQUIRE(third);
    CHECK(dial_unix(path) >= 0);
  }
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a file that is no socket is left alone", "[net][listener]") {
  const auto path = std::filesystem::temp_directory_path() / ("mecha-file-" + std::to_string(::getpid()));
  std::fclose(std::fopen(path.c_str(), "w"));
  CHECK_FALSE(Listener::unix_socket(path).has_value());
  CHECK(std::filesystem::exists(path));
  std::filesystem::remove(path);
}

TEST_CASE("only listening descriptors are adopted", "[net][listener]") {
  auto listener = Listener::tcp("127.0.0.1", 0);
  const auto port = listener->port();
  const auto adopted = Listener::adopt(listener->release());
  REQUIRE(adopted);
  CHECK(adopted->port() == port);
  const int plain = ::socket(AF_INET, SOCK_STREAM, 0);
  CHECK_FALSE(Listener::adopt(plain).has_value());
  ::close(plain);
}
