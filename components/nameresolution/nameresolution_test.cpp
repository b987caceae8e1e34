// Resolvers: the registry directory, name formats and SQLite (contract 06, section 6).

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "components/nameresolution/resolver.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::nameresolution;

namespace {

struct Folder {
  Folder() : path(std::filesystem::temp_directory_path() / ("mecha-registry-" + text::uuid())) {}
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

struct Surroundings {
  Shards shards{1};
  ComponentContext context{.shards = shards, .name = "nr", .type = "nameresolution", .app_id = "a", .log = Log()};
};

std::unique_ptr<Resolver> make(Surroundings& around, std::string type, json::Object configuration, std::string id, std::uint16_t port) {
  const Self self{.app_id = std::move(id), .host = "127.0.0.1", .internal_port = port};
  auto made = make_resolver(type, "v1", json::Value(std::move(configuration)), self, around.context);
  REQUIRE(made.has_value());
  return std::move(*made);
}

Result<std::string> ask(Surroundings& around, Resolver& resolver, std::string id) {
  return testing::run(around.shards.context(0), resolver.resolve({std::move(id), "default"}));
}

void found_and_lost(std::string type, json::Object configuration) {
  Surroundings around;
  auto& context = around.shards.context(0);
  auto a = make(around, type, configuration, "a", 1001);
  auto b = make(around, type, configuration, "b", 1002);
  REQUIRE(testing::run(context, a->start()).has_value());
  REQUIRE(testing::run(context, b->start()).has_value());
  CHECK(ask(around, *a, "b").value() == "127.0.0.1:1002");
  CHECK(ask(around, *b, "a").value() == "127.0.0.1:1001");
  CHECK(ask(around, *a, "a").value() == "127.0.0.1:1001");
  CHECK(ask(around, *a, "nosuch").error().message == "no host found with the given ID");
  REQUIRE(testing::run(context, b->stop()).has_value());
  a->forget("127.0.0.1:1002");
  CHECK_FALSE(ask(around, *a, "b").has_value());
  REQUIRE(testing::run(context, a->stop()).has_value());
}

}  // namespace

TEST_CASE("sidecars of a host find each other in the registry, and lose who has gone", "[registry]") {
  const Folder folder;
  found_and_lost("registry", {{"directory", folder.path.string()}});
}

TEST_CASE("with several instances each call picks anew", "[registry]") {
  const Folder folder;
  Surroundings around;
  auto& context = around.shards.context(0);
  const json::Object configuration{{"directory", folder.path.string()}};
  auto a = make(around, "registry", configuration, "a", 1001);
  auto b = make(around, "registry", configuration, "b", 1002);
  auto other = make(around, "registry", configuration, "b", 1003);
  for (auto* each : {a.get(), b.get(), other.get()}) REQUIRE(testing::run(context, each->start()).has_value());
  std::set<std::string> picked;
  for (int i = 0; i < 200; ++i) picked.insert(ask(around, *a, "b").value());
  CHECK(picked == std::set<std::string>{"127.0.0.1:1002", "127.0.0.1:1003"});
  REQUIRE(testing::run(context, other->stop()).has_value());
  a->forget("127.0.0.1:1003");
  for (int i = 0; i < 200; ++i) CHECK(ask(around, *a, "b").value() == "127.0.0.1:1002");
}

TEST_CASE("sidecars find each other in an SQLite file, and lose who has gone", "[sqlite]") {
  const Folder folder;
  std::filesystem::create_directories(folder.path);
  found_and_lost("sqlite", {{"connectionString", (folder.path / "nr.db").string()}});
}

TEST_CASE("what a dead process left in the registry is not believed and is removed", "[registry]") {
  const Folder folder;
  Surroundings around;
  auto a = make(around, "registry", {{"directory", folder.path.string()}}, "a", 1001);
  REQUIRE(testing::run(around.shards.context(0), a->start()).has_value());
  const auto left = folder.path / "dead@0";
  std::ofstream(left) << "127.0.0.1:1";
  CHECK_FALSE(ask(around, *a, "dead").has_value());
  CHECK_FALSE(std::filesystem::exists(left));
  REQUIRE(testing::run(around.shards.context(0), a->stop()).has_value());
}

TEST_CASE("a format names its hosts itself", "[nameformat]") {
  Surroundings around;
  auto resolver = make(around, "NameFormat", {{"format", "{appid}-dapr:50002"}}, "a", 1);
  CHECK(ask(around, *resolver, "x").value() == "x-dapr:50002");
  auto fixed = make(around, "nameformat", {{"format", "host:1"}}, "a", 1);
  CHECK(ask(around, *fixed, "x").value().empty());
}

TEST_CASE("an unknown resolver and bad settings are named", "[nameresolution]") {
  Surroundings around;
  const auto problem = [&](std::string type, json::Object configuration) {
    const auto made = make_resolver(type, "", json::Value(std::move(configuration)), {}, around.context);
    return made ? std::string() : made.error().message;
  };
  CHECK(problem("nosuch", {}) == "couldn't find name resolver nosuch/v1");
  CHECK(problem("nameformat", {}) == "format is required");
  CHECK(problem("sqlite", {}) == "missing connection string");
  CHECK(problem("sqlite", {{"connectionString", "x"}, {"updateInterval", "1s"}}) == "updateInterval must be at least a second longer than timeout");
}
