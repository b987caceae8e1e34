// The text protocol of memcached, byte by byte.

#include "components/memcached/protocol.hpp"

#include "tests/catch.hpp"

using namespace mecha::memcached;

namespace {

std::string bytes(const Command& command) {
  std::string out;
  append_to(out, command);
  return out;
}

const Command kGet{.verb = Verb::get, .key = "k"};
const Command kSet{.verb = Verb::set, .key = "k"};
const Command kRemove{.verb = Verb::remove, .key = "k"};

std::string broken(const Command& command, std::string_view text) {
  AnswerReader reader;
  reader.feed(text);
  const auto answer = reader.next(command);
  return answer ? "" : answer.error().message;
}

}  // namespace

TEST_CASE("commands of memcached are lines, and a value follows its line", "[memcached]") {
  CHECK(bytes(kGet) == "get k\r\n");
  CHECK(bytes(kRemove) == "delete k\r\n");
  CHECK(bytes({.verb = Verb::set, .key = "a||b", .value = "x\r\ny", .expiry = 60}) == "set a||b 0 60 4\r\nx\r\ny\r\n");
  CHECK(bytes({.verb = Verb::version, .key = {}}) == "version\r\n");
}

TEST_CASE("answers of memcached come out whole, however their bytes arrive", "[memcached]") {
  const std::string text = "VALUE k 7 8\r\nEND\r\n\r\nx\r\nEND\r\nEND\r\nSTORED\r\nNOT_FOUND\r\nSERVER_ERROR out of memory\r\nDELETED\r\n";
  AnswerReader reader;
  std::vector<Command> commands{kGet, kGet, kSet, kRemove, kSet, kRemove};
  std::vector<Answer> answers;
  for (const char c : text) {
    reader.feed({&c, 1});
    auto answer = reader.next(commands[std::min(answers.size(), commands.size() - 1)]);
    REQUIRE(answer);
    if (*answer) answers.push_back(**std::move(answer));
  }
  REQUIRE(answers.size() == 6);
  CHECK(answers[0].value() == "END\r\n\r\nx");
  CHECK(answers[1].value() == std::nullopt);
  CHECK(answers[2]);
  CHECK(answers[3]);
  CHECK(answers[4].error().message == "out of memory");
  CHECK(answers[5]);
}

TEST_CASE("an answer that fits no command breaks the connection", "[memcached]") {
  CHECK(broken(kGet, "STORED\r\n") == "unexpected answer \"STORED\"");
  CHECK(broken(kSet, "CLIENT_ERROR bad data chunk\r\n") == "unexpected answer \"CLIENT_ERROR bad data chunk\"");
  CHECK(broken(kGet, "VALUE other 0 1\r\nx\r\nEND\r\n") == "unexpected answer \"VALUE other 0 1\"");
  CHECK(broken(kGet, "VALUE k 0 -1\r\n") == "unexpected answer \"VALUE k 0 -1\"");
  CHECK(broken(kGet, "VALUE k 0 1\r\nxyEND\r\n\r\n") == "unexpected answer \"VALUE k 0 1\"");
  CHECK(broken(kGet, std::string(3000, 'x')).size() == 120);
  CHECK(broken(kGet, "VALUE k 0 1\r\nx\r\nEN") == "");
}

TEST_CASE("keys that the protocol of memcached cannot carry are refused", "[memcached]") {
  CHECK(check_key(std::string(250, 'k')));
  CHECK(check_key("app||é"));
  for (const auto& key : {std::string(), std::string(251, 'k'), std::string("a b"), std::string("a\nb"), std::string("a\x7f")}) {
    CHECK(!check_key(key));
  }
}
