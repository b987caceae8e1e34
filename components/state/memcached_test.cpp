// state.memcached: the conformance suite against a real server (MECHA_TEST_MEMCACHED=host:port), and the stored layout.

#include <array>
#include <cstdlib>

#include "components/catalog.hpp"
#include "components/memcached/client.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/wire.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"
#include "tests/run.hpp"

namespace mecha::state {
void register_memcached(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::state;
using namespace std::chrono_literals;
using conformance::StoreBench;

namespace {

const conformance::StoreTraits kTraits{
    .etags = false,
    .shows_expiry = false,
    .transactional = false,
    .document = R"({"a":"<é>","b":[1.5,true]})",
};

std::string server() {
  const char* address = std::getenv("MECHA_TEST_MEMCACHED");
  return address ? address : "127.0.0.1:11211";
}

StoreBench bench(std::map<std::string, std::string> more = {}) {
  more["hosts"] = server();
  return {register_memcached, "state.memcached", std::move(more)};
}

Async<std::string> ask(std::string text) {
  MECHA_CO_TRY(auto origin, memcached::parse_server(server()));
  MECHA_CO_TRY(const auto wire, co_await net::Wire::dial(std::move(origin), nullptr, 5s));
  MECHA_CO_TRY_VOID(co_await wire->write(text));
  std::array<char, 4096> buffer;
  std::string answer;
  while (!answer.ends_with("\r\nMN\r\n")) {
    MECHA_CO_TRY(const auto size, co_await wire->read_some(buffer.data(), buffer.size()));
    if (size == 0) break;
    answer.append(buffer.data(), size);
  }
  co_return answer;
}

// Flags, seconds to live and value of a key, in the words of the server's meta commands.
std::string stored(const std::string& key) {
  asio::io_context context;
  auto answer = testing::run(context, ask("mg " + key + " f t v\r\nmn\r\n"));
  REQUIRE(answer);
  return *answer;
}

}  // namespace

TEST_CASE("state.memcached keeps the state store contract", "[state][memcached][needs-memcached]") {
  auto store = bench();
  store.start();
  conformance::state_store(store, kTraits, text::uuid() + "||");
}

TEST_CASE("records of memcached expire", "[state][memcached][needs-memcached][.slow]") {
  auto store = bench();
  store.start();
  conformance::state_store_expiry(store, kTraits, text::uuid() + "||");
}

TEST_CASE("the layout in memcached is that of the contract", "[state][memcached][needs-memcached]") {
  auto store = bench();
  store.start();
  const auto key = "app||" + text::uuid();
  CHECK(store.set(key, R"({"a": "<"})") == "");
  CHECK(stored(key) == "VA 9 f0 t-1\r\n{\"a\":\"<\"}\r\nMN\r\n");
  const auto with = [&](const std::string& ttl) {
    return store.set({.key = key, .value = std::string("1"), .metadata = {{"ttlInSeconds", ttl}}});
  };
  // From 30 days on the server is told the time, which it counts back.
  for (const std::string ttl : {"1000", "2591999", "2592000", "2592001", "31536000"}) {
    CHECK(with(ttl) == "");
    const auto words = stored(key);
    const auto left = text::to_int(words.substr(9, words.find('\r') - 9));
    REQUIRE(left);
    CHECK(*left <= *text::to_int(ttl) + 1);
    CHECK(*left >= *text::to_int(ttl) - 5);
  }
  CHECK(with("-1") == "");
  CHECK(stored(key).starts_with("VA 1 f0 t-1\r\n"));
  CHECK(with("2147483647") == "failed to parse ttl " + key + ": ttlInSeconds is beyond the times that memcached counts");
}

TEST_CASE("the limits of memcached are errors in its words", "[state][memcached][needs-memcached]") {
  auto store = bench({{"maxIdleConnections", "-1"}, {"timeout", "-5"}});
  store.start();
  CHECK_THAT(store.set("a b", "1"), Catch::Contains("invalid characters"));
  CHECK_THAT(store.get(std::string(251, 'k')), Catch::Contains("key is too long"));
  const auto key = text::uuid();
  const auto large = store.set({.key = key, .value = std::string(2u << 20, 'x')});
  CHECK_THAT(large, Catch::Contains("object too large for cache"));
  CHECK(store.set({.key = key, .value = std::string(900'000, 'x')}) == "");
  CHECK(store.get(key).size() == 900'000);
}

TEST_CASE("a memcached that is not there fails the start", "[state][memcached]") {
  StoreBench store(register_memcached, "state.memcached", {{"hosts", "127.0.0.1:1"}});
  CHECK(store.start_error() == "dial tcp 127.0.0.1:1: connect: connection refused");
}

TEST_CASE("settings of state.memcached that cannot be are refused", "[state][memcached]") {
  const auto error = [](std::map<std::string, std::string> settings) {
    return StoreBench(register_memcached, "state.memcached", std::move(settings)).start_error();
  };
  CHECK(error({}) == "missing or empty hosts field from metadata");
  CHECK_THAT(error({{"hosts", "127.0.0.1:1"}, {"timeout", "5s"}}), Catch::Contains("timeout"));
  CHECK(error({{"hosts", "127.0.0.1:x"}}) == R"(a host is host:port, got "127.0.0.1:x")");
}
