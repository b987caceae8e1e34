#include "components/mqtt/packets.hpp"

#include "components/mqtt/client.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::mqtt;

TEST_CASE("a message comes back out of its packet, however it is cut", "[mqtt]") {
  for (const std::size_t size : {0, 100, 200, 20'000, 3'000'000}) {
    const PublishPacket sent{.topic = "a/b", .payload = std::string(size, 'x'), .qos = 2, .retain = true, .id = 777};
    const auto bytes = write_publish(sent) + write_short(PacketType::puback, 5);
    PacketReader reader;
    std::vector<Packet> packets;
    const std::size_t step = size > 1000 ? 4096 : 1;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      reader.feed(std::string_view(bytes).substr(at, step));
      for (;;) {
        auto next = reader.next();
        REQUIRE(next.has_value());
        if (!*next) break;
        packets.push_back(**std::move(next));
      }
    }
    REQUIRE(packets.size() == 2);
    const auto got = read_publish(packets[0]);
    REQUIRE(got.has_value());
    CHECK(got->topic == sent.topic);
    CHECK(got->payload == sent.payload);
    CHECK(got->qos == 2);
    CHECK(got->retain);
    CHECK(got->id == 777);
    CHECK(packets[1].type == PacketType::puback);
    CHECK(packet_id(packets[1]) == 5);
  }
}

TEST_CASE("packets that are none are refused", "[mqtt]") {
  PacketReader reader;
  reader.feed("\x30\xff\xff\xff\xff\xff");
  CHECK_FALSE(reader.next().has_value());
  CHECK_FALSE(read_publish({PacketType::publish, 2, std::string("\0\5ab", 4)}).has_value());
  CHECK_FALSE(read_publish({PacketType::publish, 6, std::string("\0\1a\0\1", 5)}).has_value());
}

TEST_CASE("topic filters", "[mqtt]") {
  CHECK(filter_matches("a/b", "a/b"));
  CHECK_FALSE(filter_matches("a/b", "a/b/c"));
  CHECK_FALSE(filter_matches("a/b", "a"));
  CHECK(filter_matches("a/+/c", "a/b/c"));
  CHECK_FALSE(filter_matches("a/+", "a/b/c"));
  CHECK(filter_matches("a/+", "a/"));
  CHECK(filter_matches("a/#", "a/b/c"));
  CHECK(filter_matches("a/#", "a"));
  CHECK(filter_matches("#", "x"));
  CHECK_FALSE(filter_matches("#", "$SYS/x"));
  CHECK(filter_matches("$share/group/a/+", "a/b"));
  CHECK_FALSE(filter_matches("$share/group", "a"));
}

TEST_CASE("addresses of MQTT brokers", "[mqtt]") {
  const auto plain = make_options("mqtt://me:p%20w@host/path", {});
  REQUIRE(plain.has_value());
  CHECK(plain->host == "host");
  CHECK(plain->port == 1883);
  CHECK(plain->username == "me");
  CHECK(plain->password == "p w");
  CHECK(plain->tls == nullptr);
  const auto tls = make_options("ssl://host", {});
  REQUIRE(tls.has_value());
  CHECK(tls->port == 8883);
  CHECK(tls->tls != nullptr);
  for (const char* bad : {"host:1883", "http://host", "tcp://", "tcp://host:99999"}) CHECK_FALSE(make_options(bad, {}).has_value());
}
