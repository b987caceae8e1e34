#include "runtime/net/headers.hpp"

#include "tests/catch.hpp"

using mecha::net::Headers;

TEST_CASE("header names compare without case and keep their spelling", "[net][headers]") {
  const Headers headers{{"Content-Type", "text/plain"}, {"X-A", "1"}, {"x-a", "2"}};
  CHECK(headers.get("content-type") == "text/plain");
  CHECK(headers.all("X-a") == std::vector<std::string_view>{"1", "2"});
  CHECK(headers.begin()->name == "Content-Type");
  CHECK_FALSE(headers.has("x-b"));
  CHECK(headers.value_or("x-b", "none") == "none");
}

TEST_CASE("set replaces all fields of a name in the place of the first", "[net][headers]") {
  Headers headers{{"a", "1"}, {"b", "2"}, {"A", "3"}};
  headers.set("A", "new");
  REQUIRE(headers.size() == 2);
  CHECK(headers.begin()->value == "new");
  CHECK(headers.bytes() == 1 + 3 + 1 + 1);
  headers.set("c", "4");
  CHECK(headers.size() == 3);
  CHECK(headers.erase("B") == 1);
  CHECK(headers.bytes() == 4 + 2);
}

TEST_CASE("views of headers hold while more are added and across moves", "[net][headers]") {
  Headers headers;
  headers.add("first", "value");
  const auto view = *headers.get("first");
  for (int i = 0; i < 1000; ++i) headers.add("name-" + std::to_string(i), std::string(50, 'x'));
  const Headers moved = std::move(headers);
  CHECK(view == "value");
  CHECK(view.data() == moved.get("first")->data());
}

TEST_CASE("headers that were moved from are empty and may be filled again", "[net][headers]") {
  Headers headers{{"a", "1"}};
  const Headers taken = std::move(headers);
  CHECK(headers.empty());
  headers.add("b", "2");
  CHECK(taken.get("a") == "1");
  CHECK(headers.get("b") == "2");
  CHECK(headers.bytes() == 2);
}

TEST_CASE("cleared headers take new fields", "[net][headers]") {
  Headers headers{{"a", std::string(5000, 'x')}, {"b", "2"}};
  headers.clear();
  CHECK(headers.bytes() == 0);
  headers.add("c", std::string(6000, 'y'));
  CHECK(headers.get("c") == std::string(6000, 'y'));
}

TEST_CASE("headers that are shrunk keep their fields and take more", "[net][headers]") {
  Headers headers{{"a", "1"}, {"gone", std::string(3000, 'x')}, {"b", ""}};
  headers.erase("gone");
  headers.shrink();
  CHECK(headers.size() == 2);
  CHECK(headers.get("a") == "1");
  CHECK(headers.get("b") == "");
  CHECK(headers.bytes() == 3);
  headers.add("c", std::string(2000, 'y'));
  CHECK(headers.get("a") == "1");
  CHECK(headers.get("c") == std::string(2000, 'y'));
}

TEST_CASE("a copy of headers has bytes of its own", "[net][headers]") {
  Headers copy;
  {
    const Headers original{{"a", "1"}, {"b", "2"}};
    copy = original;
  }
  CHECK(copy.get("b") == "2");
}
