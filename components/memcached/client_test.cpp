// The driver against a server of a few lines: reuse and loss of connections, time limits, choice of the server.

#include "components/memcached/client.hpp"

#include <array>
#include <functional>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::memcached;
using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);

// Answers each piece that comes in with what `answer` makes of it: empty, nothing comes; no value, the connection ends.
class FakeServer {
 public:
  using Script = std::function<std::optional<std::string>(const std::string&)>;

  FakeServer(Executor executor, Script script)
      : answer(std::move(script)), executor_(executor), acceptor_(executor, {asio::ip::address_v4::loopback(), 0}), gate_(executor) {
    spawn(gate_, executor_, accept());
  }
  asio::awaitable<void> close() {
    acceptor_.close();
    co_await gate_.close(0s);
  }
  net::Origin origin() const { return {.host = "127.0.0.1", .port = acceptor_.local_endpoint().port(), .unix_path = {}}; }

  Script answer;
  int connections = 0;
  std::vector<std::string> seen;

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(use_tuple);
      if (error) co_return;
      ++connections;
      spawn(gate_, executor_, serve(std::move(socket)));
    }
  }
  asio::awaitable<void> serve(tcp::socket socket) {
    std::array<char, 65536> buffer;
    for (;;) {
      const auto [error, size] = co_await socket.async_read_some(asio::buffer(buffer), use_tuple);
      if (error) co_return;
      seen.emplace_back(buffer.data(), size);
      const auto text = answer(seen.back());
      if (!text) co_return;
      co_await asio::async_write(socket, asio::buffer(*text), use_tuple);
    }
  }

  Executor executor_;
  tcp::acceptor acceptor_;
  Gate gate_;
};

// One server after the other is told to the client.
class Bench {
 public:
  explicit Bench(std::vector<FakeServer::Script> scripts, std::chrono::milliseconds timeout = 5s) {
    Options options{.servers = {}, .timeout = timeout};
    for (auto& script : scripts) {
      servers.push_back(std::make_unique<FakeServer>(shards.executor(0), std::move(script)));
      options.servers.push_back(servers.back()->origin());
    }
    client = std::make_unique<Client>(shards, std::move(options));
  }
  ~Bench() {
    testing::run(shards.context(0), client->close());
    for (const auto& server : servers) testing::run(shards.context(0), server->close());
  }
  std::vector<Answer> run(std::vector<Command> commands) { return testing::run(shards.context(0), client->run(std::move(commands))).value(); }
  std::string error_of(Command command) {
    const auto answers = run({std::move(command)});
    return answers[0] ? "" : answers[0].error().message;
  }
  std::string name() const { return "memcached 127.0.0.1:" + std::to_string(servers[0]->origin().port); }

  Shards shards{1};
  std::vector<std::unique_ptr<FakeServer>> servers;
  std::unique_ptr<Client> client;
};

const Command kGet{.verb = Verb::get, .key = "k"};

std::optional<std::string> none(const std::string&) { return "END\r\n"; }
std::optional<std::string> silence(const std::string&) { return ""; }

}  // namespace

TEST_CASE("commands for one server go out together and reuse its connection", "[memcached]") {
  Bench bench({[](const std::string&) { return "END\r\nSTORED\r\nVALUE k 0 1\r\nx\r\nEND\r\n"; }});
  for (int i = 0; i < 3; ++i) {
    const auto answers = bench.run({kGet, {.verb = Verb::set, .key = "k", .value = "x"}, kGet});
    REQUIRE(answers.size() == 3);
    CHECK(answers[0].value() == std::nullopt);
    CHECK(answers[1]);
    CHECK(answers[2].value() == "x");
  }
  CHECK(bench.servers[0]->seen[2] == "get k\r\nset k 0 0 1\r\nx\r\nget k\r\n");
  CHECK(bench.servers[0]->connections == 1);
}

TEST_CASE("a connection that was closed while it idled is replaced unseen", "[memcached]") {
  Bench bench({none});
  CHECK(bench.error_of(kGet) == "");
  bool first = true;
  bench.servers[0]->answer = [&first](const std::string&) {
    return std::exchange(first, false) ? std::nullopt : std::optional<std::string>("END\r\n");
  };
  CHECK(bench.error_of(kGet) == "");
  CHECK(bench.servers[0]->connections == 2);
}

TEST_CASE("a new connection that breaks is an error, and so is what follows a broken answer", "[memcached]") {
  Bench bench({[](const std::string&) { return std::nullopt; }});
  CHECK(bench.error_of(kGet) == bench.name() + ": EOF");
  bench.servers[0]->answer = [](const std::string&) { return "END\r\nwhat\r\n"; };
  const auto answers = bench.run({kGet, kGet, kGet});
  CHECK(answers[0]);
  CHECK(answers[1].error().message == bench.name() + ": unexpected answer \"what\"");
  CHECK(answers[2].error().message == answers[1].error().message);
}

TEST_CASE("a server that does not answer is left in time, and its late answer is nobody's", "[memcached]") {
  Bench bench({silence}, 30ms);
  std::vector<Command> many(100, kGet);
  const auto answers = bench.run(many);
  for (const auto& answer : answers) CHECK(answer.error().message == bench.name() + ": i/o timeout");
  CHECK(bench.servers[0]->connections == 1);
  bench.servers[0]->answer = none;
  CHECK(bench.error_of(kGet) == "");
  CHECK(bench.servers[0]->connections == 2);
}

TEST_CASE("the checksum of a key chooses its server", "[memcached]") {
  // CRC-32 of "a" is e8b7be43, of "b" 71beeff9, of "d" 98dd4acc.
  Bench bench({none, none});
  CHECK(bench.run({{.key = "a"}, {.key = "b"}, {.key = "d"}}).size() == 3);
  CHECK(bench.servers[0]->seen == std::vector<std::string>{"get d\r\n"});
  CHECK(bench.servers[1]->seen == std::vector<std::string>{"get a\r\nget b\r\n"});
}

TEST_CASE("a key that cannot be is the error of its command alone", "[memcached]") {
  Bench bench({none});
  const auto answers = bench.run({{.key = "a b"}, kGet});
  CHECK(!answers[0]);
  CHECK(answers[1]);
  CHECK(bench.servers[0]->seen == std::vector<std::string>{"get k\r\n"});
}

TEST_CASE("addresses of memcached are host and port or the path of a socket", "[memcached]") {
  CHECK(parse_server("localhost:11222")->port == 11222);
  CHECK(parse_server("localhost")->port == 11211);
  CHECK(parse_server("/run/memcached.sock")->unix_path == "/run/memcached.sock");
  CHECK(!parse_server(""));
  CHECK(parse_server("a:b").error().message == R"(a host is host:port, got "a:b")");
}
