// The driver against a server of a few lines: order, cancellation, loss of connections, time limits, handshake.

#include "components/redis/client.hpp"

#include <unistd.h>

#include <functional>
#include <thread>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include "components/redis/fake_server.hpp"
#include "components/redis/parser.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::redis;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

std::optional<std::string> echo(const Words& words) { return "+" + words.back() + "\r\n"; }

class Bench {
 public:
  explicit Bench(FakeServer::Script script, std::function<void(Options&)> change = {})
      : server(shards.executor(0), std::move(script)) {
    Options options;
    options.host = "127.0.0.1";
    options.port = server.port();
    options.attempts = 1;
    options.read_timeout = 5s;
    if (change) change(options);
    client.emplace(shards, options);
  }
  ~Bench() {
    run(client->close());
    run(server.close());
  }

  template <class T>
  T run(asio::awaitable<T> work) {
    return testing::run(shards.context(0), std::move(work));
  }

  Shards shards{1};
  FakeServer server;
  std::optional<Client> client;
};

asio::awaitable<void> keep(Async<Reply> work, std::string* out, int* left) {
  const auto reply = co_await std::move(work);
  *out = reply ? reply->as_text() : "error: " + reply.error().message;
  --*left;
}

asio::awaitable<void> until_none(int* left) {
  while (*left > 0) co_await sleep_for(1ms);
}

}  // namespace

TEST_CASE("many callers share a connection and each gets its own reply", "[redis]") {
  Bench bench(echo);
  constexpr int count = 50;
  std::vector<std::string> answers(count);
  int left = count;
  for (int i = 0; i < count; ++i) {
    auto call = bench.client->call(Command("ECHO", i));
    asio::co_spawn(bench.shards.context(0), keep(std::move(call), &answers[static_cast<std::size_t>(i)], &left), asio::detached);
  }
  bench.run(until_none(&left));
  for (int i = 0; i < count; ++i) CHECK(answers[static_cast<std::size_t>(i)] == std::to_string(i));
  CHECK(bench.server.connections == 1);
}

TEST_CASE("a caller that gives up leaves the replies of others alone", "[redis]") {
  Bench bench([](const Words& words) -> std::optional<std::string> {
    if (words.back() == "slow") return "";
    if (words.back() == "go") return "+slow\r\n+go\r\n";
    return echo(words);
  });
  CHECK(bench.run(bench.client->call(Command("ECHO", "first"))).value().text == "first");  // the connection is there
  const auto late = bench.run(within(20ms, bench.client->call(Command("ECHO", "slow"))));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == Code::deadline_exceeded);
  CHECK(bench.run(bench.client->call(Command("ECHO", "go"))).value().text == "go");
  CHECK(bench.run(bench.client->call(Command("ECHO", "next"))).value().text == "next");
  CHECK(bench.server.connections == 1);
}

TEST_CASE("a connection that the server closed is opened again", "[redis]") {
  Bench bench([](const Words& words) -> std::optional<std::string> {
    if (words.back() == "bye") return std::nullopt;
    return echo(words);
  });
  CHECK(bench.run(bench.client->call(Command("ECHO", "a"))).value().text == "a");
  const auto cut = bench.run(bench.client->call(Command("ECHO", "bye")));
  REQUIRE_FALSE(cut.has_value());
  CHECK(cut.error().code == Code::unavailable);
  CHECK(cut.error().failure != Failure::never_sent);
  CHECK(bench.run(bench.client->call(Command("ECHO", "b"))).value().text == "b");
  CHECK(bench.server.connections == 2);
}

TEST_CASE("a server that says nothing fails what waits and is left", "[redis]") {
  Bench bench([](const Words& words) -> std::optional<std::string> {
    if (words.back() == "never") return "";
    return echo(words);
  }, [](Options& options) { options.read_timeout = 50ms; });
  const auto silent = bench.run(bench.client->call(Command("ECHO", "never")));
  REQUIRE_FALSE(silent.has_value());
  CHECK(silent.error().code == Code::deadline_exceeded);
  CHECK(silent.error().message == "i/o timeout");
  CHECK(bench.run(bench.client->call(Command("ECHO", "b"))).value().text == "b");
}

TEST_CASE("a server that is not there is named, and nothing was sent", "[redis]") {
  Bench bench(echo, [](Options& options) {
    options.port = 1;
    options.attempts = 3;
    options.retry_min = 1ms;
  });
  const auto refused = bench.run(bench.client->connect());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().failure == Failure::never_sent);
  CHECK_THAT(refused.error().message, Catch::Contains("127.0.0.1:1: connect: connection refused"));
}

TEST_CASE("user, password and database come first on each connection", "[redis]") {
  Bench bench(echo, [](Options& options) {
    options.username = "u";
    options.password = "p";
    options.database = 3;
  });
  CHECK(bench.run(bench.client->call(Command("ECHO", "x"))).value().text == "x");
  CHECK(bench.server.seen == std::vector<Words>{{"AUTH", "u", "p"}, {"SELECT", "3"}, {"ECHO", "x"}});
}

TEST_CASE("a wrong password is told in the server's words, once", "[redis]") {
  Bench bench([](const Words&) -> std::optional<std::string> { return "-WRONGPASS invalid\r\n"; }, [](Options& options) {
    options.password = "p";
    options.attempts = 5;
    options.retry_min = 1ms;
  });
  CHECK(bench.run(bench.client->connect()).error().message == "WRONGPASS invalid");
  CHECK(bench.server.seen.size() == 1);
}

TEST_CASE("a transaction gives the replies of its commands", "[redis]") {
  Bench bench([](const Words& words) -> std::optional<std::string> {
    if (words[0] == "EXEC") return "*2\r\n:1\r\n-ERR second\r\n";
    if (words[0] == "BAD") return "-ERR unknown command\r\n";
    return words[0] == "MULTI" ? "+OK\r\n" : "+QUEUED\r\n";
  });
  std::vector<Command> two;
  two.emplace_back("INCR", "a");
  two.emplace_back("INCR", "b");
  const auto replies = bench.run(bench.client->transaction(two)).value();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].integer == 1);
  CHECK(replies[1].is_error());
  two.emplace_back("BAD");
  CHECK(bench.run(bench.client->transaction(two)).error().message == "ERR unknown command");
}

TEST_CASE("errors of the server stand among the replies of a pipeline", "[redis]") {
  Bench bench([](const Words& words) -> std::optional<std::string> {
    return words.back() == "x" ? "-ERR x\r\n" : "$-1\r\n";
  });
  std::vector<Command> commands;
  for (const auto* key : {"a", "x", "b"}) commands.emplace_back("GET", key);
  const auto replies = bench.run(bench.client->pipeline(std::move(commands))).value();
  CHECK(replies[0].is_nil());
  CHECK(replies[1].is_error());
  CHECK(replies[2].is_nil());
  const auto one = bench.run(bench.client->call(Command("GET", "x")));
  CHECK(is_server_error(one.error()));
}

TEST_CASE("a session blocks for itself, and a call that was cut closes it", "[redis]") {
  Bench bench([](const Words& words) -> std::optional<std::string> {
    if (words[0] == "BLOCK") return "";
    return echo(words);
  });
  auto session = bench.run(bench.client->dedicated()).value();
  CHECK(bench.run(session->call(Command("ECHO", "a"), 1s)).value().text == "a");
  const auto late = bench.run(session->call(Command("BLOCK"), 20ms));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().message == "i/o timeout");
  CHECK_FALSE(session->open());
  CHECK(bench.run(session->call(Command("ECHO", "b"), 1s)).error().failure == Failure::never_sent);
  CHECK(bench.run(bench.client->call(Command("ECHO", "c"))).value().text == "c");
}

TEST_CASE("what is no reply ends the connection", "[redis]") {
  Bench bench([](const Words&) -> std::optional<std::string> { return "HTTP/1.1 400 Bad Request\r\n\r\n"; });
  const auto garbage = bench.run(bench.client->call(Command("PING")));
  REQUIRE_FALSE(garbage.has_value());
  CHECK(garbage.error().code == Code::unavailable);
  CHECK_THAT(garbage.error().message, Catch::StartsWith("redis: Protocol error"));
}

TEST_CASE("closing fails what waits", "[redis]") {
  Bench bench([](const Words&) -> std::optional<std::string> { return ""; });
  std::string answer;
  int left = 1;
  asio::co_spawn(bench.shards.context(0), keep(bench.client->call(Command("PING")), &answer, &left), asio::detached);
  bench.run([](Client& client) -> asio::awaitable<void> {
    co_await sleep_for(20ms);
    co_await client.close();
  }(*bench.client));
  bench.run(until_none(&left));
  CHECK_THAT(answer, Catch::StartsWith("error: "));
  CHECK_FALSE(bench.run(bench.client->call(Command("PING"))).has_value());
}

TEST_CASE("nested replies and large values are read in pieces", "[redis]") {
  const std::string big(200'000, 'x');
  Bench bench([&](const Words&) -> std::optional<std::string> {
    return "*2\r\n*2\r\n:-5\r\n$0\r\n\r\n$" + std::to_string(big.size()) + "\r\n" + big + "\r\n";
  });
  const auto reply = bench.run(bench.client->call(Command("X", big))).value();
  REQUIRE(reply.items.size() == 2);
  CHECK(reply.items[0].items[0].integer == -5);
  CHECK(reply.items[0].items[1].text == "");
  CHECK(reply.items[1].text == big);
  CHECK(bench.server.seen[0][1] == big);
}

TEST_CASE("a value that the kernel takes in pieces arrives whole, and the line goes on", "[redis]") {
  Bench bench([](const Words& words) -> std::optional<std::string> {
    return ":" + std::to_string(words.back().size()) + "\r\n";
  });
  const std::string big(16u << 20, 'x');
  CHECK(bench.run(bench.client->call(Command("SET", "k", big))).value().integer == 16 << 20);
  CHECK(bench.run(bench.client->call(Command("SET", "k", "xyz"))).value().integer == 3);
}

// A server in a thread of its own takes bytes while the client is still sending, so that the rest of a large write can
// leave at once.
TEST_CASE("a write whose rest leaves at once does not stop the line", "[redis]") {
  const std::string path = "/tmp/mecha_redis_" + std::to_string(::getpid()) + ".sock";
  asio::io_context server_context;
  asio::local::stream_protocol::acceptor acceptor(server_context, {path});
  std::thread server([&] {
    auto socket = acceptor.accept();
    Parser parser;
    std::array<char, 65536> buffer;
    boost::system::error_code error;
    for (;;) {
      const auto size = socket.read_some(asio::buffer(buffer), error);
      if (error) return;
      parser.feed({buffer.data(), size});
      for (auto command = parser.next(); command && *command; command = parser.next()) {
        asio::write(socket, asio::buffer("+OK\r\n", 5), error);
      }
    }
  });
  {
    Bench bench(echo, [&](Options& options) { options.unix_path = path; });
    const std::string big(300'000, 'x');
    int answered = 0;
    while (answered < 100 && bench.run(bench.client->call(Command("SET", "k", big)))) ++answered;
    CHECK(answered == 100);
  }
  server.join();
  ::unlink(path.c_str());
}

TEST_CASE("an array takes the memory of what came, not of what it announces", "[redis]") {
  Parser parser;
  parser.feed("*2147483647\r\n*2147483647\r\n:1\r\n");
  const auto reply = parser.next();
  CHECK((reply && !*reply));
  Parser nested;  // items within an array stay where they belong while it grows
  nested.feed("*3000\r\n");
  for (int i = 0; i < 3000; ++i) nested.feed("*2\r\n:" + std::to_string(i) + "\r\n*1\r\n$1\r\nx\r\n");
  const auto whole = nested.next();
  REQUIRE((whole && *whole && (*whole)->items.size() == 3000));
  for (int i = 0; i < 3000; ++i) {
    const auto& item = (*whole)->items[static_cast<std::size_t>(i)];
    REQUIRE((item.items.size() == 2 && item.items[0].integer == i && item.items[1].items.at(0).text == "x"));
  }
}

TEST_CASE("a path that is no socket fails at once, and again", "[redis]") {
  Bench bench(echo, [](Options& options) { options.unix_path = std::string(200, 'x'); });
  for (int i = 0; i < 2; ++i) CHECK_FALSE(bench.run(bench.client->connect()).has_value());
}

TEST_CASE("addresses of the settings", "[redis]") {
  const auto address = [](std::string host, std::optional<int> port = {}) {
    Settings s;
    s.host = std::move(host);
    s.port = port;
    const auto options = resolve(s);
    return options ? options->address() : "error";
  };
  CHECK(address("") == "localhost:6379");
  CHECK(address("h") == "h:6379");
  CHECK(address("h:1") == "h:1");
  CHECK(address("h", 7) == "h:7");
  CHECK(address("h:7", 7) == "h:7");
  CHECK(address("h:7", 8) == "error");
  CHECK(address("h:x") == "error");
  CHECK(address("[::1]:7") == "[::1]:7");
  CHECK(address("::1") == "[::1]:6379");
  CHECK(address("/run/redis.sock") == "/run/redis.sock");
}
