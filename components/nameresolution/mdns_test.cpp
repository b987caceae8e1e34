// mdns: records and answers as the contract has them, then sidecars that find each other over the loopback interface.

#include <set>

#include "components/nameresolution/mdns.hpp"
#include "components/nameresolution/mdns_records.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::nameresolution;

namespace {

const Self kSelf{.app_id = "app", .name_space = {}, .host = "10.0.0.1", .internal_port = 50002};

MdnsRecords records(const Self& self = kSelf) {
  auto made = MdnsRecords::make(self, "host.x", 42);
  REQUIRE(made);
  return *std::move(made);
}

std::uint16_t free_port() {
  asio::io_context context;
  asio::ip::udp::socket socket(context, asio::ip::udp::endpoint(asio::ip::udp::v4(), 0));
  return socket.local_endpoint().port();
}

struct Surroundings {
  Shards shards{1};
  ComponentContext context{.shards = shards, .name = "nr", .type = "nameresolution.mdns", .app_id = "a", .log = Log()};
  MdnsOptions options{.port = free_port(), .loopback_only = true};

  std::unique_ptr<Resolver> start(std::string id, std::uint16_t port) {
    auto made = make_mdns_with(options, {.app_id = std::move(id), .name_space = {}, .host = "127.0.0.1", .internal_port = port}, context);
    REQUIRE(run(made->start()));
    return made;
  }
  template <class T>
  Result<T> run(Async<T> work) {
    return testing::run(shards.context(0), std::move(work));
  }
};

}  // namespace

TEST_CASE("the answer has all four records in one packet", "[mdns]") {
  const auto reply = records().answer(mdns_query("APP"));
  REQUIRE(reply);
  CHECK(!reply->unicast);
  const auto& message = reply->message;
  CHECK(message.flags == (dns::kResponse | dns::kAuthoritative));
  CHECK(message.questions.empty());
  REQUIRE(message.answers.size() == 1);
  CHECK(message.answers[0].name == "app.local.");
  CHECK(message.answers[0].target == "host.x:42.app.local.");
  CHECK(message.answers[0].ttl == 3200);
  REQUIRE(message.additionals.size() == 3);
  CHECK(message.additionals[0].target == "host.x.local.");
  CHECK(message.additionals[0].port == 50002);
  CHECK(message.additionals[0].cls == (dns::kInternet | dns::kTopBit));
  CHECK(message.additionals[1].texts == std::vector<std::string>{"app"});
  CHECK(message.additionals[2].name == "host.x.local.");
  CHECK(message.additionals[2].ttl == 120);
}

TEST_CASE("queries of others, of probes and of those who know are not answered", "[mdns]") {
  const auto own = records();
  CHECK(!own.answer(mdns_query("other")));
  auto query = mdns_query("app");
  query.authorities = own.announcement().answers;
  CHECK(!own.answer(query));
  query.authorities.clear();
  query.answers = own.announcement().answers;
  CHECK(!own.answer(query));
  query.answers[0].ttl = 1599;
  CHECK(own.answer(query));
  query.questions[0].cls |= dns::kTopBit;
  CHECK(own.answer(query)->unicast);
  CHECK(!own.answer(own.announcement()));
  dns::Message direct;
  direct.questions.push_back({.name = own.instance(), .type = dns::kSrv});
  CHECK(own.answer(direct));
}

TEST_CASE("an entry counts with its text and an address in the same packet", "[mdns]") {
  auto message = records().announcement();
  REQUIRE(mdns_entries(message, "app").size() == 1);
  CHECK(mdns_entries(message, "app")[0].address == "10.0.0.1:50002");
  CHECK(mdns_entries(message, "APP").empty());
  CHECK(mdns_entries(records().goodbye(), "app").empty());
  message.additionals.pop_back();
  CHECK(mdns_entries(message, "app").empty());
  const auto six = records({.app_id = "app", .name_space = {}, .host = "fd00::1", .internal_port = 1}).announcement();
  CHECK(mdns_entries(six, "app").at(0).address == "[fd00::1]:1");
}

TEST_CASE("a host name is no address for mdns", "[mdns]") {
  const auto made = MdnsRecords::make({.app_id = "app", .name_space = {}, .host = "localhost"}, "h", 1);
  REQUIRE(!made);
  CHECK(made.error().message == "mdns: the host address must be an IP address, got localhost");
  CHECK(!MdnsRecords::make({.app_id = std::string(64, 'a'), .name_space = {}, .host = "127.0.0.1"}, "h", 1));
}

TEST_CASE("sidecars find each other by multicast, and lose who has gone", "[mdns]") {
  Surroundings around;
  const auto a = around.start("a", 1001), b = around.start("b", 1002);
  CHECK(around.run(a->resolve({"b", "default"})).value() == "127.0.0.1:1002");
  CHECK(around.run(b->resolve({"a", "default"})).value() == "127.0.0.1:1001");
  CHECK(around.run(a->resolve({"a", "default"})).value() == "127.0.0.1:1001");
  const auto nobody = around.run(a->resolve({"nobody", "default"}));
  REQUIRE(!nobody);
  CHECK(nobody.error().message == "couldn't find service: nobody");
  REQUIRE(around.run(b->stop()));
  a->forget("127.0.0.1:1002");
  CHECK(!around.run(a->resolve({"b", "default"})));
  REQUIRE(around.run(a->stop()));
}

TEST_CASE("several instances of one id take turns", "[mdns]") {
  Surroundings around;
  const auto a = around.start("a", 1001), b = around.start("b", 1002), c = around.start("b", 1003);
  std::set<std::string> seen;
  // The second answer may come a moment after the first.
  for (int i = 0; i < 200 && seen.size() < 2; ++i) {
    const auto found = around.run(a->resolve({"b", "default"}));
    REQUIRE(found);
    seen.insert(*found);
    around.shards.context(0).run_for(std::chrono::milliseconds(5));
  }
  CHECK(seen.size() == 2);
  for (const auto& one : {&a, &b, &c}) REQUIRE(around.run((*one)->stop()));
}
