// Messages of DNS: both ways, and what is malformed.

#include "components/nameresolution/dns_message.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::nameresolution::dns;

namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

}  // namespace

TEST_CASE("a message that is written is read back", "[dns]") {
  Message message{.id = 7, .flags = kResponse | kAuthoritative};
  message.questions.push_back({.name = "app.local.", .type = kPtr, .cls = kTopBit | kInternet});
  message.answers.push_back({.name = "app.local.", .type = kPtr, .ttl = 3200, .target = "h:1.app.local.", .texts = {}, .address = {}});
  message.authorities.push_back({.name = "h:1.app.local.", .type = kSrv, .ttl = 1, .target = "h.local.", .port = 50002, .texts = {}, .address = {}});
  message.additionals.push_back({.name = "h:1.app.local.", .type = kTxt, .ttl = 70000, .target = {}, .texts = {"app", ""}, .address = {}});
  message.additionals.push_back({.name = "h.local.", .type = kA, .cls = kTopBit | kInternet, .ttl = 120, .target = {}, .texts = {}, .address = bytes({10, 0, 0, 1})});
  const auto text = write(message);
  REQUIRE(text);
  const auto read = parse(*text);
  REQUIRE(read);
  CHECK(read->id == 7);
  CHECK(read->flags == (kResponse | kAuthoritative));
  CHECK(read->questions.at(0).name == "app.local.");
  CHECK(read->questions.at(0).cls == (kTopBit | kInternet));
  CHECK(read->answers.at(0).target == "h:1.app.local.");
  CHECK(read->answers.at(0).ttl == 3200);
  CHECK(read->authorities.at(0).port == 50002);
  CHECK(read->authorities.at(0).target == "h.local.");
  CHECK(read->additionals.at(0).texts == std::vector<std::string>{"app", ""});
  CHECK(read->additionals.at(0).ttl == 70000);
  CHECK(read->additionals.at(1).address == bytes({10, 0, 0, 1}));
  // Every shorter piece is malformed, and none reads beyond its end.
  for (std::size_t size = 0; size < text->size(); ++size) CHECK(!parse(text->substr(0, size)));
}

TEST_CASE("names go on at an earlier place, and never in a circle", "[dns]") {
  const auto head = bytes({0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0});
  const auto compressed = head + bytes({1, 'a', 5, 'l', 'o', 'c', 'a', 'l', 0, 0, 12, 0, 1, 0, 0, 0, 9, 0, 4, 1, 'x', 0xc0, 12});
  const auto read = parse(compressed);
  REQUIRE(read);
  CHECK(read->answers.at(0).name == "a.local.");
  CHECK(read->answers.at(0).target == "x.a.local.");
  CHECK(!parse(head + bytes({0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 9, 0, 0})));
  CHECK(!parse(head + bytes({0xc0, 40, 0, 12, 0, 1, 0, 0, 0, 9, 0, 0})));
}

TEST_CASE("records of other types are passed over", "[dns]") {
  const auto head = bytes({0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0});
  const auto read = parse(head + bytes({1, 'a', 0, 0, 47, 0, 1, 0, 0, 0, 9, 0, 2, 1, 2}));
  REQUIRE(read);
  CHECK(read->answers.empty());
}

TEST_CASE("what DNS cannot name is refused", "[dns]") {
  Message message;
  message.questions.push_back({.name = std::string(64, 'a') + ".local."});
  CHECK(!write(message));
  message.questions[0].name = "a..local.";
  CHECK(!write(message));
}
