#include "components/nats/protocol.hpp"

#include "components/nats/connection.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::nats;

TEST_CASE("items come out of a stream, however it is cut", "[nats]") {
  const std::string bytes =
      "INFO {\"a\":1}\r\nMSG a.b 2 reply 5\r\nx\r\nyz\r\nPING\r\nHMSG s 1 12 14\r\nNATS/1.0\r\n\r\nab\r\n+OK\r\n-ERR 'no'\r\n"
      "HMSG s 1 32 32\r\nNATS/1.0 100 Idle\r\nX-y: some\r\n\r\n\r\n";
  for (const std::size_t step : {1, 3, 1000}) {
    ItemReader reader;
    std::vector<Item> items;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      reader.feed(std::string_view(bytes).substr(at, step));
      for (;;) {
        auto next = reader.next();
        REQUIRE(next.has_value());
        if (!*next) break;
        items.push_back(**std::move(next));
      }
    }
    REQUIRE(items.size() == 7);
    CHECK(items[0].text == "{\"a\":1}");
    CHECK(items[1].subject == "a.b");
    CHECK(items[1].reply == "reply");
    CHECK(items[1].subscription == 2);
    CHECK(items[1].text == "x\r\nyz");
    CHECK(items[2].kind == Kind::ping);
    CHECK(items[3].text == "ab");
    CHECK(items[3].status() == 0);
    CHECK(items[5].text == "'no'");
    CHECK(items[6].status() == 100);
    CHECK(items[6].header("x-Y") == "some");
    CHECK(items[6].header("z").empty());
  }
}

TEST_CASE("what is no NATS is refused", "[nats]") {
  for (const char* bad : {"HTTP/1.1 200 OK\r\n", "MSG a\r\n", "MSG a 1 x\r\n", "HMSG a 1 9 5\r\n", "MSG a 1 1\r\nabc"}) {
    ItemReader reader;
    reader.feed(bad);
    CHECK_FALSE(reader.next().has_value());
  }
}

TEST_CASE("published messages with and without headers", "[nats]") {
  CHECK(write_publish("a", "", "", "xy") == "PUB a 2\r\nxy\r\n");
  CHECK(write_publish("a", "r", "NATS/1.0\r\n\r\n", "xy") == "HPUB a r 12 14\r\nNATS/1.0\r\n\r\nxy\r\n");
  CHECK(is_subject("a.b.>"));
  for (const char* bad : {"", "a b", "a\r\nPUB x 0", "a\tb"}) CHECK_FALSE(is_subject(bad));
}

TEST_CASE("addresses of NATS servers", "[nats]") {
  const auto two = parse_servers("nats://me:pw@a, b:99");
  REQUIRE(two.has_value());
  REQUIRE(two->servers.size() == 2);
  CHECK(two->servers[0].port == 4222);
  CHECK(two->servers[0].password == "pw");
  CHECK(two->servers[1].host == "b");
  CHECK(two->servers[1].port == 99);
  CHECK_FALSE(two->secure);
  CHECK(parse_servers("tls://a")->secure);
  for (const char* bad : {"", "http://a", "nats://a:x"}) CHECK_FALSE(parse_servers(bad).has_value());
}
