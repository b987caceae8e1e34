#include "runtime/net/grpc.hpp"

#include "runtime/net/http2_harness.hpp"

using namespace mecha;
using namespace mecha::net;
using namespace std::chrono_literals;

TEST_CASE("time-outs are read in all units and written in the finest that fits", "[grpc]") {
  CHECK(grpc::parse_timeout("100m") == 100ms);
  CHECK(grpc::parse_timeout("2H") == 2h);
  CHECK(grpc::parse_timeout("1M") == 1min);
  CHECK(grpc::parse_timeout("99999999H") == std::chrono::nanoseconds::max());
  CHECK_FALSE(grpc::parse_timeout("m"));
  CHECK_FALSE(grpc::parse_timeout("5x"));
  CHECK_FALSE(grpc::parse_timeout("-5m"));
  CHECK_FALSE(grpc::parse_timeout("123456789m"));
  CHECK(grpc::format_timeout(0ns) == "0n");
  CHECK(grpc::format_timeout(10ms) == "10000000n");
  CHECK(grpc::format_timeout(1s) == "1000000u");
  CHECK(grpc::format_timeout(1h) == "3600000m");
}

TEST_CASE("messages of a status are percent encoded", "[grpc]") {
  CHECK(grpc::encode_message("plain text") == "plain text");
  CHECK(grpc::encode_message("\t100%\xc3\xa4") == "%09100%25%C3%A4");
  CHECK(grpc::encode_message("\xff") == "%EF%BF%BD");
  CHECK(grpc::decode_message("%09100%25%C3%A4") == "\t100%\xc3\xa4");
  CHECK(grpc::decode_message("%zz%4") == "%zz%4");
}

TEST_CASE("binary values are base64 without padding", "[grpc]") {
  CHECK(grpc::encode_bin(std::string_view("\x00\x01", 2)) == "AAE");
  CHECK(grpc::decode_bin("AAE") == std::string("\x00\x01", 2));
  CHECK(grpc::decode_bin("AAE=") == std::string("\x00\x01", 2));
  CHECK_FALSE(grpc::decode_bin("%%"));
}

TEST_CASE("messages come out of any cut of the bytes", "[grpc]") {
  const auto bytes = grpc::frame("one") + grpc::frame("") + grpc::frame(std::string(1000, 'x'));
  for (const std::size_t step : {1u, 2u, 5u, 7u, 2000u}) {
    grpc::Deframer deframer(0);
    std::vector<std::string> messages;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      REQUIRE(deframer.feed(std::string_view(bytes).substr(at, step)));
      while (auto message = deframer.next()) messages.push_back(*std::move(message));
    }
    CHECK(messages == std::vector<std::string>{"one", "", std::string(1000, 'x')});
    CHECK(deframer.empty());
  }
}

TEST_CASE("a message over the limit is refused by its prefix", "[grpc]") {
  grpc::Deframer deframer(10);
  CHECK(deframer.feed(grpc::frame("0123456789")));
  const auto result = deframer.feed(grpc::frame("0123456789a").substr(0, 5));
  REQUIRE_FALSE(result);
  CHECK(result.error().code == Code::resource_exhausted);
  CHECK(result.error().message == "grpc: received message larger than max (11 vs. 10)");
}

TEST_CASE("a partial message is seen", "[grpc]") {
  grpc::Deframer deframer(0);
  CHECK(deframer.feed(grpc::frame("abc").substr(0, 6)));
  CHECK_FALSE(deframer.next());
  CHECK_FALSE(deframer.empty());
}
