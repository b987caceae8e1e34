// What every configuration store keeps (contract 02, section 4). A backend's test says how an item is written and removed from
// outside; keys begin with `prefix`, so that a shared server may be used.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "components/configuration/configuration_store.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/stage.hpp"

namespace mecha::conformance {

struct ConfigurationTraits {
  std::function<void(const std::string& key, const std::string& value, const std::string& version)> write;
  std::function<void(const std::string& key)> remove;
  bool deleted_is_empty = true;  // else a removed item is told with its last value
  Metadata subscribe_metadata;
};

inline void configuration_store(
    Stage& stage, configuration::ConfigurationStore& store, const ConfigurationTraits& traits, const std::string& prefix
) {
  using configuration::Items;
  const auto get = [&](std::vector<std::string> keys) {
    auto items = stage.run(store.get({.keys = std::move(keys)}));
    INFO((items ? "" : items.error().message));
    REQUIRE(items);
    return *std::move(items);
  };
  const auto a = prefix + "a", b = prefix + "b", c = prefix + "c";
  CHECK(get({a, b}).empty());
  traits.write(a, "one", "1");
  traits.write(b, "<\xC3\xA9>", "2");
  const auto both = get({b, a, a, prefix + "none"});
  REQUIRE(both.size() == 2);
  CHECK(both.at(a).value == "one");
  CHECK(both.at(a).version == "1");
  CHECK(both.at(b).value == "<\xC3\xA9>");
  const auto all = get({});
  CHECK(all.contains(a));
  CHECK(all.contains(b));

  std::vector<Items> heard, heard_all;
  const auto into = [](std::vector<Items>& list) {
    return [&list](Items items) -> asio::awaitable<void> {
      list.push_back(std::move(items));
      co_return;
    };
  };
  auto some = stage.run(store.subscribe({.keys = {a, c}, .metadata = traits.subscribe_metadata}, into(heard)));
  INFO((some ? "" : some.error().message));
  REQUIRE(some);
  auto every = stage.run(store.subscribe({.metadata = traits.subscribe_metadata}, into(heard_all)));
  REQUIRE(every);
  const auto heard_of = [&](std::vector<Items>& list, const std::string& key) {
    const auto found = [&] {
      stage.run_for(std::chrono::milliseconds(5));
      return std::ranges::any_of(list, [&](const Items& items) { return items.contains(key); });
    };
    return testing::eventually(found);
  };
  traits.write(b, "not heard by some", "3");
  traits.write(a, "uno", "4");
  REQUIRE(heard_of(heard, a));
  CHECK(heard.front().at(a).value == "uno");
  CHECK(heard.front().at(a).version == "4");
  CHECK_FALSE(heard.front().contains(b));
  CHECK(heard_of(heard_all, b));
  heard.clear();
  traits.remove(a);
  REQUIRE(heard_of(heard, a));
  CHECK(heard.front().at(a).value == (traits.deleted_is_empty ? "" : "uno"));

  stage.run((*some)->stop());
  heard.clear();
  heard_all.clear();
  traits.write(c, "x", "5");
  CHECK(heard_of(heard_all, c));
  CHECK(heard.empty());
  stage.run((*every)->stop());
  traits.remove(b);
  traits.remove(c);
}

}  // namespace mecha::conformance
