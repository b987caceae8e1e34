// The master behind sentinels: who is asked, what a change ends, replicas that pass for masters. The servers are of a few
// lines; real ones are met by the suites of the components and the fault tests.

#include "components/redis/client.hpp"
#include "components/redis/fake_server.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::redis;

namespace {

std::string text(std::string_view value) { return "$" + std::to_string(value.size()) + "\r\n" + std::string(value) + "\r\n"; }

// Two servers and two sentinels.
class Watched {
 public:
  explicit Watched(std::function<void(Options&)> change = {}) {
    for (std::size_t i = 0; i < 2; ++i) {
      servers.push_back(std::make_unique<FakeServer>(shards.executor(0), [this, i](const Words& words) { return serve(i, words); }));
      sentinels.push_back(std::make_unique<FakeServer>(shards.executor(0), [this, i](const Words& words) { return tell(i, words); }));
    }
    Options options;
    options.topology = Topology::sentinel;
    options.hosts = {at(*sentinels[0]), at(*sentinels[1])};
    options.master_name = "m";
    options.sentinel_password = "secret";
    options.password = "own";
    options.read_timeout = 500ms;
    if (change) change(options);
    client.emplace(shards, options);
  }
  ~Watched() {
    run(client->close());
    for (const auto& server : servers) run(server->close());
    for (const auto& sentinel : sentinels) run(sentinel->close());
  }

  static Address at(const FakeServer& server) { return {.host = "127.0.0.1", .port = server.port()}; }
  template <class T>
  T run(asio::awaitable<T> work) {
    return testing::run(shards.context(0), std::move(work));
  }
  std::int64_t asked() { return run(client->call(Command("GET", "k"))).value().integer; }

  std::function<std::optional<std::string>(std::size_t server, const Words&)> say;  // nothing: the usual
  std::array<std::size_t, 2> master{0, 0};  // as each sentinel sees it
  std::array<int, 2> epoch{1, 1};
  std::array<std::string, 2> role{"master", "master"};
  Shards shards{1};
  std::vector<std::unique_ptr<FakeServer>> servers, sentinels;
  std::optional<Client> client;

 private:
  std::optional<std::string> serve(std::size_t server, const Words& words) {
    if (words[0] == "ROLE") return "*1\r\n" + text(role[server]);
    if (say) {
      if (auto own = say(server, words)) return own;
    }
    return ":" + std::to_string(server) + "\r\n";
  }
  std::optional<std::string> tell(std::size_t sentinel, const Words& words) {
    if (words[0] == "AUTH") return words.back() == "secret" ? "+OK\r\n" : "-WRONGPASS no\r\n";
    if (words[0] == "SUBSCRIBE") return "*3\r\n" + text("subscribe") + text("+switch-master") + ":1\r\n";
    if (words.size() == 3 && words[1] == "MASTER") return "*2\r\n" + text("config-epoch") + text(std::to_string(epoch[sentinel]));
    if (words.size() != 3 || words[2] != "m") return "*-1\r\n";
    const auto address = at(*servers[master[sentinel]]);
    return "*2\r\n" + text(address.host) + text(std::to_string(address.port));
  }
};

}  // namespace

TEST_CASE("commands go to the master that the sentinels name, with its own password", "[redis][sentinel]") {
  Watched watched;
  watched.master = {1, 1};
  CHECK(watched.asked() == 1);
  CHECK(watched.servers[0]->connections == 0);
  CHECK(watched.servers[1]->seen == std::vector<Words>{{"AUTH", "own"}, {"ROLE"}, {"GET", "k"}});
  CHECK(watched.run(watched.client->servers()).value() == std::vector<std::string>{""});
}

TEST_CASE("a sentinel that is gone or knows nothing is passed over", "[redis][sentinel]") {
  Watched gone;
  gone.run(gone.sentinels[0]->close());
  CHECK(gone.asked() == 0);
  Watched stranger([](Options& options) {
    options.master_name = "other";
    options.read_timeout = 50ms;
  });
  const auto unknown = stranger.run(stranger.client->connect());
  REQUIRE_FALSE(unknown);
  CHECK_THAT(unknown.error().message, Catch::Contains("knows no master other"));
}

TEST_CASE("a wrong password of the sentinels is told in their words", "[redis][sentinel]") {
  Watched watched([](Options& options) { options.sentinel_password = "guess"; });
  CHECK(watched.run(watched.client->connect()).error().message == "WRONGPASS no");
}

TEST_CASE("a write that a demoted master refuses goes to the new one", "[redis][sentinel]") {
  Watched watched;
  CHECK(watched.asked() == 0);
  watched.say = [](std::size_t server, const Words&) -> std::optional<std::string> {
    return server == 0 ? std::optional<std::string>("-READONLY You can't write against a read only replica.\r\n") : std::nullopt;
  };
  watched.master = {1, 1};
  watched.epoch = {2, 2};
  CHECK(watched.asked() == 1);
}

TEST_CASE("a replica that passes for the master gets no command", "[redis][sentinel]") {
  Watched watched;
  watched.role[0] = "slave";
  watched.master = {0, 1};  // the second sentinel knows better
  CHECK(watched.asked() == 1);
  for (const auto& words : watched.servers[0]->seen) CHECK(words[0] != "GET");
  watched.role[1] = "slave";
  Watched nobody([](Options& options) { options.read_timeout = 100ms; });
  nobody.role = {"slave", "slave"};
  const auto refused = nobody.run(nobody.client->connect());
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Catch::EndsWith("is not the master"));
}

TEST_CASE("a sentinel that is behind does not lead back", "[redis][sentinel]") {
  Watched watched;
  CHECK(watched.asked() == 0);
  watched.run(watched.client->refresh());
  watched.master = {0, 1};
  watched.epoch = {1, 2};
  watched.run(watched.servers[0]->close());
  CHECK(watched.asked() == 1);
  for (int i = 0; i < 3; ++i) {
    watched.run(sleep_for(1ms));
    CHECK(watched.asked() == 1);
  }
}

TEST_CASE("a change of the master ends what waits at the old one", "[redis][sentinel]") {
  Watched watched;
  watched.say = [](std::size_t server, const Words& words) -> std::optional<std::string> {
    return server == 0 && words[0] == "BLOCK" ? std::optional<std::string>("") : std::nullopt;  // says nothing
  };
  REQUIRE(watched.run(watched.client->connect()));
  auto session = watched.run(watched.client->dedicated_to("stream")).value();
  const auto change = [](Watched& w) -> Async<void> {
    co_await sleep_for(20ms);
    w.master = {1, 1};
    w.epoch = {2, 2};
    w.say = [&w](std::size_t server, const Words& words) -> std::optional<std::string> {
      (void)w;
      return server == 0 && words[0] == "SET" ? std::optional<std::string>("-READONLY\r\n") : std::nullopt;
    };
    MECHA_CO_TRY_VOID(co_await w.client->call(Command("SET", "k", "v")));
    co_return Result<void>{};
  };
  using namespace asio::experimental::awaitable_operators;
  const auto both = watched.run([](Session& blocked, Async<void> work) -> asio::awaitable<bool> {
    auto done = co_await (blocked.call(Command("BLOCK"), 5s) && std::move(work));
    co_return !std::get<0>(done) && std::get<1>(done);
  }(*session, change(watched)));
  CHECK(both);
  CHECK_FALSE(session->open());
  session = watched.run(watched.client->dedicated_to("stream")).value();
  CHECK(watched.run(session->call(Command("BLOCK"), 1s)).value().integer == 1);
}
