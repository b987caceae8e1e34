// A cluster as the driver sees it: slots, the map, redirections, refusals, servers that are gone. The servers are of a few
// lines; a real cluster is met by the suites of the components.

#include <map>
#include <set>

#include "components/redis/client.hpp"
#include "components/redis/fake_server.hpp"
#include "components/redis/slot_map.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::redis;

namespace {

std::string text(std::string_view value) { return "$" + std::to_string(value.size()) + "\r\n" + std::string(value) + "\r\n"; }

// Two servers; the first has the slots below 8192 unless a test says otherwise.
class Cluster {
 public:
  explicit Cluster(std::function<void(Options&)> change = {}) {
    for (std::size_t i = 0; i < 2; ++i) {
      servers.push_back(std::make_unique<FakeServer>(shards.executor(0), [this, i](const Words& words) { return answer(i, words); }));
    }
    Options options;
    options.topology = Topology::cluster;
    options.hosts = {at(0)};
    options.read_timeout = 400ms;
    if (change) change(options);
    client.emplace(shards, options);
  }
  ~Cluster() {
    run(client->close());
    for (const auto& server : servers) run(server->close());
  }

  Address at(std::size_t server) const { return {.host = "127.0.0.1", .port = servers[server]->port()}; }
  std::string moved(std::size_t server, std::string_view word = "MOVED") const {
    return "-" + std::string(word) + " 1 " + at(server).text() + "\r\n";
  }
  template <class T>
  T run(asio::awaitable<T> work) {
    return testing::run(shards.context(0), std::move(work));
  }
  // The words that reached a server, without those that ask for the map.
  std::vector<Words> seen(std::size_t server) const {
    std::vector<Words> list;
    for (const auto& words : servers[server]->seen) {
      if (words[0] != "CLUSTER") list.push_back(words);
    }
    return list;
  }

  std::function<std::optional<std::string>(std::size_t server, const Words&)> say;  // nothing: the usual
  unsigned boundary = 8192;
  bool whole = true;  // or nobody has the slots above the boundary
  int maps = 0;
  Shards shards{1};
  std::vector<std::unique_ptr<FakeServer>> servers;
  std::optional<Client> client;

 private:
  std::string layout() const {
    const auto node = [](const Address& address) { return "*2\r\n" + text(address.host) + ":" + std::to_string(address.port) + "\r\n"; };
    std::string out;
    if (boundary > 0) out += "*3\r\n:0\r\n:" + std::to_string(boundary - 1) + "\r\n" + node(at(0));
    if (!whole) return "*1\r\n" + out;
    if (boundary < kSlots) out += "*3\r\n:" + std::to_string(boundary) + "\r\n:16383\r\n" + node(at(1));
    return (boundary > 0 && boundary < kSlots ? "*2\r\n" : "*1\r\n") + out;
  }
  std::optional<std::string> answer(std::size_t server, const Words& words) {
    if (words[0] == "CLUSTER") return ++maps, layout();
    if (say) {
      if (auto own = say(server, words)) return own;
    }
    if (words[0] == "MULTI" || words[0] == "ASKING") return "+OK\r\n";
    return ":" + std::to_string(server) + "\r\n";
  }
};

// Slots of these: 15495, 3300, 7365.
constexpr const char* kHigh = "a";
constexpr const char* kLow = "b";
constexpr const char* kLowToo = "c";

}  // namespace

TEST_CASE("the slot of a key is that of the servers", "[redis][cluster]") {
  CHECK(slot_of(std::string_view("123456789")) == 0x31c3);
  CHECK(slot_of(std::string_view("a")) == 15495);
  CHECK(slot_of(std::string_view("b")) == 3300);
  CHECK(slot_of(std::string_view("")) == 0);
  CHECK(slot_of(std::string_view("{user1000}.following")) == slot_of(std::string_view("user1000")));
  CHECK(slot_of(std::string_view("x{user1000}{y}")) == slot_of(std::string_view("user1000")));
  CHECK(slot_of(std::string_view("foo{{bar}}zap")) == slot_of(std::string_view("{bar")));
  CHECK(slot_of(std::string_view("foo{}{bar}")) != slot_of(std::string_view("bar")));
  CHECK(slot_of(std::string_view("foo{bar")) != slot_of(std::string_view("bar")));
}

TEST_CASE("a command goes to the slot of its first key", "[redis][cluster]") {
  const auto slot = slot_of(std::string_view("k"));
  CHECK(slot_of(Command("GET", "k")) == slot);
  CHECK(slot_of(Command("EVALSHA", "hash", 1, "k", "x")) == slot);
  CHECK(slot_of(Command("EVAL", "return 1\r\n", 1, "k")) == slot);
  CHECK(slot_of(Command("XGROUP", "CREATE", "k", "g")) == slot);
  CHECK(slot_of(Command("XADD", "k", "*", "data", "")) == slot);
  CHECK(slot_of(Command("SET", "", "x")) == slot_of(std::string_view("")));
  for (const char* name : {"PING", "JSON.GET", "FT.SEARCH"}) CHECK(!slot_of(Command(name)));
  CHECK(!slot_of(Command("SCRIPT", "LOAD", "x")));
  CHECK(!slot_of(Command("SCAN", "0", "MATCH", "x")));
}

TEST_CASE("redirections and refusals are known by their words", "[redis][cluster]") {
  const auto moved = read_redirect("MOVED 3999 127.0.0.1:6381");
  REQUIRE(moved);
  CHECK((!moved->ask && moved->slot == 3999 && moved->to.text() == "127.0.0.1:6381"));
  CHECK(read_redirect("ASK 1 ::1:7").value().to.text() == "[::1]:7");
  CHECK(read_redirect("MOVED 1 :7").value().to.host.empty());
  for (const char* other : {"MOVED", "MOVED 1", "MOVED x h:1", "MOVED 16384 h:1", "MOVED 1 h", "ERR MOVED 1 h:1"}) CHECK(!read_redirect(other));
  CHECK(is_refusal("CLUSTERDOWN The cluster is down"));
  CHECK(is_refusal("READONLY You can't write against a read only replica. script: x"));
  CHECK(is_refusal("ERR Error running script: -READONLY You can't write against a read only replica."));
  CHECK(!is_refusal("ERR no READONLY"));
}

TEST_CASE("a map that no server would send is refused", "[redis][cluster]") {
  const auto number = [](std::int64_t n) { return Reply{.type = Reply::Type::integer, .integer = n}; };
  const auto list = [](std::vector<Reply> items) { return Reply{.type = Reply::Type::array, .items = std::move(items)}; };
  const auto node = list({Reply{.type = Reply::Type::nil}, number(7)});
  const auto one = SlotMap::read(list({list({number(5), number(9), node})}), {.host = "asked", .port = 1});
  REQUIRE(one);
  CHECK(one->owner(4) == nullptr);
  CHECK(one->owner(9)->text() == "asked:7");
  CHECK(one->owner(10) == nullptr);
  for (const auto& wrong : {number(1), list({number(1)}), list({list({number(0), number(16384), node})}), list({list({number(0), number(1), list({})})}), list({list({number(0), number(1), list({node, number(0)})})})}) {
    CHECK_FALSE(SlotMap::read(wrong, {}).has_value());
  }
}

TEST_CASE("keys of one pipeline go to their servers, replies come in order", "[redis][cluster]") {
  Cluster cluster;
  std::vector<Command> commands;
  for (const char* key : {kHigh, kLow, kHigh, kLowToo}) commands.emplace_back("GET", key);
  const auto replies = cluster.run(cluster.client->pipeline(std::move(commands))).value();
  CHECK(replies[0].integer == 1);
  CHECK(replies[1].integer == 0);
  CHECK(replies[2].integer == 1);
  CHECK(replies[3].integer == 0);
  CHECK(cluster.maps == 1);
  CHECK(cluster.run(cluster.client->servers()).value().size() == 2);
  CHECK(cluster.run(cluster.client->server_of(kHigh)).value() == cluster.at(1).text());
}

TEST_CASE("a slot that moved is followed, and remembered", "[redis][cluster]") {
  Cluster cluster;
  cluster.say = [&](std::size_t server, const Words&) -> std::optional<std::string> {
    if (server == 1) return "-MOVED 15495 " + cluster.at(0).text() + "\r\n";
    return std::nullopt;
  };
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).value().integer == 0);
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).value().integer == 0);
  CHECK(cluster.seen(1).size() == 1);
}

TEST_CASE("a key that is on its way is asked for at its new server, this once", "[redis][cluster]") {
  Cluster cluster;
  bool on_its_way = true;
  cluster.say = [&](std::size_t server, const Words&) -> std::optional<std::string> {
    if (server == 1 && on_its_way) return cluster.moved(0, "ASK");
    return std::nullopt;
  };
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).value().integer == 0);
  CHECK(cluster.seen(0) == std::vector<Words>{{"ASKING"}, {"GET", kHigh}});
  on_its_way = false;
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).value().integer == 1);
}

TEST_CASE("servers that send to each other are not followed without end", "[redis][cluster]") {
  Cluster cluster;
  cluster.say = [&](std::size_t server, const Words&) { return "-MOVED 15495 " + cluster.at(1 - server).text() + "\r\n"; };
  const auto lost = cluster.run(within(5s, cluster.client->call(Command("GET", kHigh))));
  REQUIRE_FALSE(lost);
  CHECK_THAT(lost.error().message, Catch::StartsWith("MOVED 15495 "));
  CHECK(cluster.seen(0).size() + cluster.seen(1).size() < 100);
}

TEST_CASE("what a server refuses for now is asked again, and given up in time", "[redis][cluster]") {
  Cluster cluster;
  int refusals = 2;
  cluster.say = [&](std::size_t, const Words&) -> std::optional<std::string> {
    return refusals-- > 0 ? std::optional<std::string>("-TRYAGAIN Multiple keys request during rehashing of slot\r\n") : std::nullopt;
  };
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).value().integer == 1);
  refusals = 1 << 20;
  const auto begun = std::chrono::steady_clock::now();
  const auto down = cluster.run(cluster.client->call(Command("GET", kHigh)));
  REQUIRE_FALSE(down);
  CHECK_THAT(down.error().message, Catch::StartsWith("TRYAGAIN"));
  CHECK(std::chrono::steady_clock::now() - begun < 2s);
}

TEST_CASE("a slot that nobody has fails with the servers' word", "[redis][cluster]") {
  Cluster cluster;
  cluster.whole = false;
  CHECK(cluster.run(cluster.client->call(Command("GET", kLow))).value().integer == 0);
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).error().message == "CLUSTERDOWN Hash slot not served");
  CHECK(cluster.maps > 2);
  Cluster impatient([](Options& options) { options.attempts = 1; });
  impatient.whole = false;
  CHECK_FALSE(impatient.run(impatient.client->call(Command("GET", kHigh))));
  CHECK(impatient.maps == 1);
}

TEST_CASE("a transaction is one for each slot", "[redis][cluster]") {
  Cluster cluster;
  bool moved = true;
  cluster.say = [&](std::size_t server, const Words& words) -> std::optional<std::string> {
    if (words[0] == "EXEC") return moved && server == 1 ? "-EXECABORT Transaction discarded\r\n" : server == 1 ? "*2\r\n:10\r\n:11\r\n" : "*1\r\n:20\r\n";
    if (words[0] != "INCR") return std::nullopt;
    if (server == 1 && moved && cluster.seen(1).size() > 3) moved = false;
    return moved && server == 1 ? "-TRYAGAIN\r\n" : "+QUEUED\r\n";
  };
  std::vector<Command> commands;
  for (const char* key : {kHigh, kLow, kHigh}) commands.emplace_back("INCR", key);
  const auto replies = cluster.run(cluster.client->transaction(std::move(commands))).value();
  CHECK(replies[0].integer == 10);
  CHECK(replies[1].integer == 20);
  CHECK(replies[2].integer == 11);
  CHECK(cluster.seen(0) == std::vector<Words>{{"MULTI"}, {"INCR", kLow}, {"EXEC"}});
  CHECK(cluster.seen(1).size() == 8);
}

TEST_CASE("keys of servers that are there are answered when another is gone", "[redis][cluster]") {
  Cluster cluster;
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).has_value());
  cluster.say = [](std::size_t server, const Words&) -> std::optional<std::string> {
    return server == 1 ? std::optional<std::string>("-LOADING Redis is loading the dataset in memory\r\n") : std::nullopt;
  };
  std::vector<Command> commands;
  for (const char* key : {kHigh, kLow}) commands.emplace_back("GET", key);
  const auto results = cluster.run(cluster.client->each(std::move(commands)));
  CHECK_THAT(results[0].error().message, Catch::StartsWith("LOADING"));
  CHECK(results[1].value().integer == 0);
}

TEST_CASE("a slot whose server is gone is taken over by another", "[redis][cluster]") {
  Cluster cluster;
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).value().integer == 1);
  const auto gone = cluster.at(1);
  cluster.run(cluster.servers[1]->close());
  cluster.boundary = 16384;
  CHECK(cluster.run(cluster.client->call(Command("GET", kHigh))).value().integer == 0);
  CHECK(cluster.run(cluster.client->servers()).value() == std::vector<std::string>{cluster.at(0).text()});
}

TEST_CASE("a session follows the key to where the server sends", "[redis][cluster]") {
  Cluster cluster;
  auto session = cluster.run(cluster.client->dedicated_to(kHigh)).value();
  CHECK(session->server() == cluster.at(1).text());
  const Error ask{.code = Code::unknown, .message = "ASK 15495 " + cluster.at(0).text()};
  CHECK(Client::is_redirect(ask));
  session = cluster.run(cluster.client->dedicated_to(kHigh, ask.message)).value();
  CHECK(session->server() == cluster.at(0).text());
  CHECK(cluster.run(session->call(Command("XREADGROUP", "x"), 1s)).value().integer == 0);
  CHECK(cluster.seen(0) == std::vector<Words>{{"ASKING"}, {"XREADGROUP", "x"}});
  session = cluster.run(cluster.client->dedicated_to(kHigh, "MOVED 15495 " + cluster.at(0).text())).value();
  CHECK(cluster.run(cluster.client->server_of(kHigh)).value() == cluster.at(0).text());
}

TEST_CASE("a cluster of which nobody answers is named with what went wrong", "[redis][cluster]") {
  Cluster cluster([](Options& options) {
    options.hosts = {{.host = "127.0.0.1", .port = 1}};
    options.read_timeout = 100ms;
  });
  const auto refused = cluster.run(cluster.client->connect());
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Catch::Contains("127.0.0.1:1: connect: connection refused"));
}
