// Fakes and a bench for the tests of the component loader.

#pragma once

#include "components/loader.hpp"

#include <algorithm>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::loader_testing {

using namespace std::chrono_literals;

// What the fakes are told, by the name of the component.
struct Script {
  std::map<std::string, int> failures;  // start() fails so many times
  std::map<std::string, std::chrono::milliseconds> slow;
  std::string forsaken;                 // whose stop() is wanted by nobody
  std::vector<std::string> events;      // "start a", "stop a"
  std::map<std::string, std::map<std::string, std::string>> secrets{{"word", {{"word", "w0rd"}}},
    {"quoted", {{"quoted", "\"in quotes\""}}}, {"templ", {{"templ", "{appID}"}}}, {"empty", {{"empty", ""}}},
    {"many", {{"one", "1"}, {"two", "2"}}}};
  std::map<std::string, std::string> values;  // value of `word` that the component got
  std::vector<std::string> spaces;            // metadata namespace of each fetch
};
inline Script* script = nullptr;

struct Settings {
  std::string word = "default";
  int pool = 1;
  static constexpr auto fields() {
    return std::tuple{field("word", &Settings::word, "Word."), field("pool", &Settings::pool, "Pool.").between(1, 9)};
  }
};

inline Async<void> start_fake(std::string name) {
  script->events.push_back("start " + name);
  if (const auto slow = script->slow.find(name); slow != script->slow.end()) co_await sleep_for(slow->second);
  if (script->failures[name]-- > 0) co_return fail(Code::unavailable, "no server");
  co_return Result<void>{};
}

struct Store : Component {
  using Settings = loader_testing::Settings;
  static constexpr ComponentInfo info{"state.fake", "v1", "Fake."};
  Store(Settings s, const ComponentContext& context) : name(context.name) { script->values[name] = s.word; }
  Async<void> start() override { return start_fake(name); }
  Async<void> stop() override {
    script->events.push_back("stop " + name);
    if (const auto slow = script->slow.find("stop " + name); slow != script->slow.end()) {
      co_await sleep_for(slow->second);
      script->events.push_back("stopped " + name);
    }
    co_return Result<void>{};
  }
  bool forsaken() const override { return script->forsaken == name; }
  std::string name;
};

struct Vault : secrets::SecretStore {
  using Settings = loader_testing::Settings;
  static constexpr ComponentInfo info{"secretstores.fake", "v1", "Fake."};
  Vault(Settings s, const ComponentContext& context) : name(context.name) { script->values[name] = s.word; }
  Async<void> start() override { return start_fake(name); }
  Async<std::optional<secrets::SecretMap>> get(std::string key, Metadata metadata) override {
    script->spaces.push_back(metadata["namespace"]);
    const auto found = script->secrets.find(key);
    if (found == script->secrets.end()) co_return fail(Code::not_found, "secret " + key + " not found");
    co_return secrets::SecretMap(found->second.begin(), found->second.end());
  }
  Async<secrets::SecretMaps> bulk_get(Metadata) override { co_return secrets::SecretMaps{}; }
  std::string name;
};

inline NameValue plain(std::string value) { return {.name = "word", .value = std::move(value)}; }
inline NameValue secret(std::string name, std::string key = "", std::string value = "") {
  NameValue item{.name = "word", .value = value, .has_value = !value.empty()};
  item.secret = SecretRef{name, key.empty() ? name : key};
  return item;
}
inline NameValue variable(std::string name) { return {.name = "word", .has_value = false, .env = std::move(name)}; }

inline ComponentSpec component(std::string name, std::vector<NameValue> metadata = {}, std::string store = "", std::string type = "state.fake") {
  return {.name = std::move(name), .type = std::move(type), .version = "v1", .metadata = std::move(metadata), .secret_store = std::move(store)};
}
inline ComponentSpec vault(std::string name, std::vector<NameValue> metadata = {}, std::string store = "") {
  return component(std::move(name), std::move(metadata), std::move(store), "secretstores.fake");
}

class Bench {
 public:
  Bench() {
    script = &play;
    catalog.add<Store>();
    catalog.add<Vault>();
    settings.app_id = "app";
    settings.environment = [](const std::string& name) -> std::optional<std::string> {
      if (name == "PLAIN") return "from env";
      if (name == "QUOTED") return "\"q\"";
      if (name == "TEMPLATE") return "{appID}";
      return std::nullopt;
    };
    settings.log = Log(make_memory_sink(lines), "dapr.runtime");
    settings.context = [this](const ComponentSpec& spec) {
      return ComponentContext{.shards = shards, .name = spec.name, .type = spec.type, .app_id = "app"};
    };
    settings.retry_first = 1ms;
  }
  ~Bench() {
    if (loader) testing::run(shards.context(0), loader->stop());
  }

  Result<void> load(std::vector<ComponentSpec> specs) {
    loader = std::make_unique<ComponentLoader>(shards, catalog, settings, [this](const LoadedComponent& c) {
      static constexpr std::array states{"pending", "ready", "failed"};
      heard.push_back(c.spec->name + " " + states[static_cast<std::size_t>(c.state)]);
    });
    return testing::run(shards.context(0), loader->load(std::move(specs)));
  }
  std::string fatal(std::vector<ComponentSpec> specs) {
    const auto result = load(std::move(specs));
    REQUIRE(!result);
    return result.error().message;
  }
  // Lets the background go on until `done`.
  template <class F>
  void wait(F done) {
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (!done() && std::chrono::steady_clock::now() < end) {
      shards.context(0).restart();
      shards.context(0).run_for(1ms);
    }
    REQUIRE(done());
  }
  std::vector<std::string> ready() const {
    std::vector<std::string> names;
    for (const auto* c : loader->ready()) names.push_back(c->spec->name);
    return names;
  }
  bool logged(std::string_view text) const {
    const auto wanted = text::replace_all(text, "\"", "\\\"");
    return std::ranges::any_of(lines, [&](const auto& line) { return line.find(wanted) != std::string::npos; });
  }

  Script play;
  Shards shards{1};
  Catalog catalog;
  std::vector<std::string> lines, heard;
  LoaderSettings settings;
  std::unique_ptr<ComponentLoader> loader;
};

}  // namespace mecha::loader_testing
