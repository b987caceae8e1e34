#include "components/rabbitmq/frames.hpp"

#include "components/rabbitmq/address.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::rabbitmq;

namespace {

std::vector<Frame> all_frames(std::string_view bytes, std::size_t step, std::size_t frame_max = 131072) {
  FrameReader reader(frame_max);
  std::vector<Frame> frames;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    for (;;) {
      auto frame = reader.next();
      REQUIRE(frame.has_value());
      if (!*frame) break;
      frames.push_back(**std::move(frame));
    }
  }
  return frames;
}

}  // namespace

TEST_CASE("a message comes back out of its frames, however they are cut", "[rabbitmq]") {
  Properties properties;
  properties.content_type = "application/json";
  properties.expiration = "5000";
  properties.message_id = "m";
  properties.priority = 7;
  properties.delivery_mode = 2;
  properties.headers = {{"a", "b"}, {"c", ""}};
  const std::string body(10'000, 'x');
  const auto bytes = write_message(1, "exchange", "key", properties, body, 4096);
  for (const std::size_t step : {1, 7, 4096, 100'000}) {
    const auto frames = all_frames(bytes, step, 4096);
    REQUIRE(frames.size() == 5);
    Reader publish(frames[0].payload);
    CHECK(publish.u32() == static_cast<std::uint32_t>(Method::basic_publish));
    CHECK(publish.u16() == 0);
    CHECK(publish.short_text() == "exchange");
    CHECK(publish.short_text() == "key");
    const auto header = read_header(frames[1].payload);
    REQUIRE(header.has_value());
    CHECK(header->size == body.size());
    CHECK(header->properties.content_type == "application/json");
    CHECK(header->properties.expiration == "5000");
    CHECK(header->properties.message_id == "m");
    CHECK(header->properties.priority == 7);
    CHECK(header->properties.delivery_mode == 2);
    CHECK(header->properties.headers == properties.headers);
    CHECK_FALSE(header->properties.type.has_value());
    CHECK(frames[2].payload + frames[3].payload + frames[4].payload == body);
  }
}

TEST_CASE("the texts of a table are found among other values", "[rabbitmq]") {
  Writer writer;
  writer.table({{"flag", {true}}, {"number", {std::int64_t{5}}}, {"text", {std::string("t")}}, {"inner", {Table{{"x", {std::string("y")}}}}}});
  Reader reader(writer.bytes());
  CHECK(reader.texts() == std::map<std::string, std::string>{{"text", "t"}});
  CHECK(reader.ok());
}

TEST_CASE("frames that are none are refused", "[rabbitmq]") {
  const auto refused = [](std::string bytes) {
    FrameReader reader(4096);
    reader.feed(bytes);
    return !reader.next().has_value();
  };
  CHECK(refused(std::string("AMQP\0\0\x09\x01", 8)));
  CHECK(refused(std::string("\x01\0\0\x7f\xff\xff\xff", 7)));
  CHECK(refused(std::string("\x01\0\0\0\0\0\x01xy", 9)));
  CHECK_FALSE(read_header(std::string("\0\x3c\0\0\0", 5)).has_value());
  Reader cut(std::string_view("\x05" "abc"));
  CHECK(cut.short_text().empty());
  CHECK_FALSE(cut.ok());
}

TEST_CASE("addresses of servers", "[rabbitmq]") {
  const auto full = parse_address("amqps://me:p%40ss@[::1]:99/a%2Fb?heartbeat=1");
  REQUIRE(full.has_value());
  CHECK(full->tls);
  CHECK(full->host == "::1");
  CHECK(full->port == 99);
  CHECK(full->username == "me");
  CHECK(full->password == "p@ss");
  CHECK(full->virtual_host == "a/b");
  const auto bare = parse_address("amqp://server/");
  REQUIRE(bare.has_value());
  CHECK(bare->host == "server");
  CHECK(bare->port == 5672);
  CHECK(bare->username == "guest");
  CHECK(bare->virtual_host == "/");
  for (const char* bad : {"", "http://x", "amqp://x:0", "amqp://x:port", "amqp://%zz@x"}) CHECK_FALSE(parse_address(bad).has_value());
}
