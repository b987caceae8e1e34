// Fields: every way in which a value is read or refused, and what documentation gets to see.

#include "runtime/resources/fields.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace std::chrono_literals;

namespace {

struct Lenient {
  std::string host, mode = "a", url;
  Secret password;
  std::chrono::milliseconds limit = 5s;
  int pool = 8;
  std::uint16_t port = 0;
  bool on = true;
  double ratio = 0.5;
  std::vector<std::string> names;
  std::optional<int> ttl;

  static constexpr auto fields() {
    using S = Lenient;
    return std::tuple{
        field("host", &S::host, "Server address as host:port.").required(),
        field("mode", &S::mode, "Mode.").one_of("a", "Bee"),
        field("url", &S::url, "Address.").aliases("connectionString", "dsn"),
        field("password", &S::password, "Password."),
        field("limit", &S::limit, "Limit of a call.").between(1ms, 60s),
        field("pool", &S::pool, "Connections.").between(1, 256),
        field("port", &S::port, "Port."),
        field("on", &S::on, "Switch."),
        field("ratio", &S::ratio, "Ratio."),
        field("names", &S::names, "Names."),
        field("ttl", &S::ttl, "Time to live."),
    };
  }
};

struct Strict {
  bool on = false;
  std::chrono::nanoseconds limit = 1s;
  int count = 1;
  Rest rest;
  static constexpr Decoder decoder = Decoder::strict;
  static constexpr auto fields() {
    using S = Strict;
    return std::tuple{
        field("on", &S::on, "Switch."), field("limit", &S::limit, "Limit."), field("count", &S::count, "Count."),
        field("*", &S::rest, "All else.")};
  }
};

struct Exact {
  std::string file;
  static constexpr auto fields() {
    return std::tuple{field("file", &Exact::file, "File.").required("missing file in metadata")};
  }
};

struct Base {
  int first = 1;
  static constexpr auto fields() { return std::tuple{field("first", &Base::first, "First.").between(1, 9)}; }
};
struct Derived : Base {
  int second = 2;
  static constexpr auto fields() {
    return std::tuple_cat(Base::fields(), std::tuple{field("second", &Derived::second, "Second.")});
  }
};

ComponentSpec spec(std::vector<std::pair<std::string, std::string>> items) {
  ComponentSpec s{.name = "c", .type = "state.x", .version = "v1"};
  for (auto& [name, value] : items) s.metadata.push_back({.name = name, .value = value});
  return s;
}

template <class S>
S good(std::vector<std::pair<std::string, std::string>> items) {
  auto bound = bind<S>(spec(std::move(items)));
  INFO((bound ? "" : bound.error().message));
  REQUIRE(bound);
  return *bound;
}

template <class S>
std::string bad(std::vector<std::pair<std::string, std::string>> items) {
  auto bound = bind<S>(spec(std::move(items)));
  REQUIRE(!bound);
  return bound.error().message;
}

}  // namespace

TEST_CASE("defaults stay where nothing is given", "[resources][fields]") {
  const auto s = good<Lenient>({{"host", "h"}});
  CHECK(s.host == "h");
  CHECK(s.mode == "a");
  CHECK(s.limit == 5s);
  CHECK(s.pool == 8);
  CHECK(s.on);
  CHECK(s.names.empty());
  CHECK(!s.ttl);
}

TEST_CASE("an empty value of a few is the default", "[resources][fields]") {
  CHECK(good<Lenient>({{"host", "h"}, {"mode", ""}}).mode == "a");
}

TEST_CASE("names match without case and the last of one spelling wins", "[resources][fields]") {
  CHECK(good<Lenient>({{"HOST", "h"}}).host == "h");
  CHECK(good<Lenient>({{"host", "a"}, {"host", "b"}}).host == "b");
}

TEST_CASE("two spellings of a name are refused by the lenient decoder only", "[resources][fields]") {
  CHECK(bad<Lenient>({{"host", "a"}, {"HOST", "b"}}) == "key host is duplicate in the metadata");
  CHECK(good<Strict>({{"count", "3"}, {"COUNT", "4"}}).count == 3);
  CHECK(good<Strict>({{"COUNT", "4"}, {"count", "3"}}).count == 3);
}

TEST_CASE("the name goes before its aliases, in their order", "[resources][fields]") {
  CHECK(good<Lenient>({{"host", "h"}, {"dsn", "d"}}).url == "d");
  CHECK(good<Lenient>({{"host", "h"}, {"dsn", "d"}, {"ConnectionString", "c"}}).url == "c");
  CHECK(good<Lenient>({{"host", "h"}, {"dsn", "d"}, {"url", "u"}}).url == "u");
}

TEST_CASE("the lenient decoder reads truthy booleans, seconds and numbers with a base", "[resources][fields]") {
  CHECK(good<Lenient>({{"host", "h"}, {"on", " YES "}}).on);
  CHECK(!good<Lenient>({{"host", "h"}, {"on", "nonsense"}}).on);
  CHECK(!good<Lenient>({{"host", "h"}, {"on", ""}}).on);
  CHECK(good<Lenient>({{"host", "h"}, {"limit", "3"}}).limit == 3s);
  CHECK(good<Lenient>({{"host", "h"}, {"limit", "1m"}}).limit == 60s);
  CHECK(good<Lenient>({{"host", "h"}, {"pool", "0x10"}}).pool == 16);
  CHECK(good<Lenient>({{"host", "h"}, {"pool", "010"}}).pool == 8);
  CHECK(good<Lenient>({{"host", "h"}, {"ttl", ""}}).ttl == 0);
  CHECK(good<Lenient>({{"host", "h"}, {"ttl", "-5"}}).ttl == -5);
  CHECK(good<Lenient>({{"host", "h"}, {"names", "a, b,"}}).names == std::vector<std::string>{"a", " b", ""});
  CHECK(good<Lenient>({{"host", "h"}, {"ratio", "2.5"}}).ratio == 2.5);
  CHECK(good<Lenient>({{"host", "h"}, {"mode", "bee"}}).mode == "Bee");
  CHECK(good<Lenient>({{"host", "h"}, {"password", "p"}}).password.reveal() == "p");
}

TEST_CASE("the strict decoder reads exact booleans and milliseconds", "[resources][fields]") {
  CHECK(good<Strict>({{"on", "T"}}).on);
  CHECK(good<Strict>({{"limit", "250"}}).limit == 250ms);
  CHECK(good<Strict>({{"limit", "-1"}}).limit == -1ms);
  CHECK(bad<Strict>({{"on", "yes"}}) == "on must be true or false, got \"yes\"");
  CHECK(bad<Strict>({{"limit", ""}}) == "limit must be a duration, got \"\"");
  CHECK(bad<Strict>({{"count", "0x1"}}) == "count must be a whole number, got \"0x1\"");
}

TEST_CASE("every problem is told at once, with its place", "[resources][fields]") {
  auto s = spec({{"limit", "soon"}, {"pool", "900"}, {"port", "70000"}, {"mode", "c"}});
  s.metadata[1].location = {.file = "orders.yaml", .line = 12};
  const auto bound = bind<Lenient>(s);
  REQUIRE(!bound);
  CHECK(bound.error().code == Code::invalid_argument);
  CHECK(
      bound.error().message ==
      "host is required: Server address as host:port.; mode must be one of a, Bee, got \"c\"; "
      "error decoding 'limit': limit must be a duration, got \"soon\"; pool must be between 1 and 256, got 900 (orders.yaml:12); "
      "port must be a whole number, got \"70000\""
  );
}

TEST_CASE("a text of the contract stands alone", "[resources][fields]") {
  CHECK(bad<Exact>({}) == "missing file in metadata");
  CHECK(bad<Exact>({{"file", ""}}) == "missing file in metadata");
}

TEST_CASE("items that no field names are found, or taken by Rest", "[resources][fields]") {
  const auto unknown = unknown_items<Lenient>(spec({{"hosst", "h"}, {"pool", "1"}}));
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].name == "hosst");
  CHECK(unknown_items<Strict>(spec({{"any", "h"}})).empty());
  CHECK(good<Strict>({{"any", "h"}, {"count", "2"}}).rest == Rest{{"any", "h"}});
}

TEST_CASE("settings share fields by inheritance", "[resources][fields]") {
  const auto s = good<Derived>({{"first", "3"}, {"second", "4"}});
  CHECK(s.first == 3);
  CHECK(s.second == 4);
  CHECK(describe_fields<Derived>().size() == 2);
}

TEST_CASE("documentation shows types, defaults and bounds, and never a secret", "[resources][fields]") {
  const auto list = describe_fields<Lenient>();
  REQUIRE(list.size() == 11);
  CHECK(list[0].required);
  CHECK(list[0].type == "text");
  CHECK(list[1].choices == std::vector<std::string>{"a", "Bee"});
  CHECK(list[2].aliases == std::vector<std::string>{"connectionString", "dsn"});
  CHECK(list[3].secret);
  CHECK(list[3].default_value.empty());
  CHECK(list[4].type == "duration");
  CHECK(list[4].default_value == "5s");
  CHECK(list[4].bounds == "1ms to 1m0s");
  CHECK(list[5].default_value == "8");
  CHECK(list[10].default_value.empty());
}
