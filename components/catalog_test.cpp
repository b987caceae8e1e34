// The catalogue: names, versions and the texts of what is not there (contract 02, section 7.2).

#include "components/catalog.hpp"

#include "tests/catch.hpp"

using namespace mecha;

namespace {

struct Settings {
  int pool = 8;
  std::string mode;
  static constexpr auto fields() {
    return std::tuple{
        field("pool", &Settings::pool, "Connections kept open.").between(1, 9),
        field("mode", &Settings::mode, "Mode of a|b.").one_of("a", "b").aliases("kind")};
  }
};

template <int N>
struct Store : Component {
  using Settings = ::Settings;
  static const ComponentInfo info;
  Store(Settings s, const ComponentContext&) : settings(std::move(s)) {}
  std::vector<std::string> features() const override { return {std::to_string(N), std::to_string(settings.pool)}; }
  Settings settings;
};

// Refuses one of its modes when it is started.
struct Picky : Component {
  using Settings = ::Settings;
  static constexpr ComponentInfo info{"state.picky", "v1", "Starts in mode a."};
  static Result<void> check(const Settings& settings) {
    return settings.mode == "b" ? fail(Code::invalid_argument, "mode b is not for starting") : Result<void>{};
  }
  Picky(Settings, const ComponentContext&) {}
};

template <>
constexpr ComponentInfo Store<0>::info{"state.in-memory", "v1", "Kept in memory."};
template <>
constexpr ComponentInfo Store<1>::info{
    "state.postgresql", "v1", "Tables.", {"state.postgres"}, Versioning::preferred};
template <>
constexpr ComponentInfo Store<2>::info{"state.postgresql", "v2", "Other tables.", {"state.postgres"}, Versioning::named};

Catalog catalog() {
  Catalog c;
  c.add<Store<0>>();
  c.add<Store<1>>();
  c.add<Store<2>>();
  return c;
}

ComponentSpec spec(std::string type, std::string version = "v1") {
  return ComponentSpec{.name = "c", .type = std::move(type), .version = std::move(version)};
}

// The number of the store, or the text of the failure.
std::string found(std::string type, std::string version = "v1") {
  auto c = catalog();
  const auto entry = c.find(spec(std::move(type), std::move(version)));
  return entry ? std::string((*entry)->info.help) : entry.error().message;
}

}  // namespace

TEST_CASE("no version, v0 and v1 are one for a type that has one implementation", "[components][catalog]") {
  for (const auto* version : {"", "v0", "v1", "V1"}) CHECK(found("state.in-memory", version) == "Kept in memory.");
  CHECK(found("state.in-memory", "v2") == "couldn't find state store state.in-memory/v2");
  CHECK(found("state.in-memory", "1") == "couldn't find state store state.in-memory/1");
}

TEST_CASE("a type with several versions has a default and no v0", "[components][catalog]") {
  CHECK(found("state.postgresql", "") == "Tables.");
  CHECK(found("state.postgresql", "v1") == "Tables.");
  CHECK(found("state.Postgres", "V2") == "Other tables.");
  CHECK(found("state.postgresql", "v0") == "couldn't find state store state.postgresql/v0");
  CHECK(found("state.postgresql", "v3") == "couldn't find state store state.postgresql/v3");
}

TEST_CASE("the category is exact, the rest of the type is not", "[components][catalog]") {
  CHECK(found("state.In-Memory") == "Kept in memory.");
  CHECK(found("State.in-memory") == "incorrect type State.in-memory");
  CHECK(found("state") == "incorrect type state");
  CHECK(found("in-memory") == "incorrect type in-memory");
  CHECK(found("") == "incorrect type ");
  CHECK(found("nothing.at.all") == "incorrect type nothing.at.all");
}

TEST_CASE("what is missing is called by its kind", "[components][catalog]") {
  CHECK(found("state.") == "couldn't find state store state./v1");
  CHECK(found("state.nothing", "") == "couldn't find state store state.nothing");
  CHECK(found("secretstores.nothing", "v7") == "couldn't find secret store secretstores.nothing/v7");
  CHECK(found("configuration.nothing") == "couldn't find configuration store configuration.nothing/v1");
  CHECK(found("lock.nothing") == "couldn't find lock store lock.nothing/v1");
  CHECK(found("crypto.nothing") == "couldn't find crypto provider crypto.nothing/v1");
  CHECK(found("pubsub.nothing") == "couldn't find message bus pubsub.nothing/v1");
  CHECK(found("bindings.nothing") == "couldn't find binding c (bindings.nothing/v1)");
}

TEST_CASE("a component is made from its settings, or says what is wrong with them", "[components][catalog]") {
  auto c = catalog();
  Shards shards(1);
  const ComponentContext context{.shards = shards, .name = "c", .type = "state.in-memory", .app_id = "app"};
  auto s = spec("state.in-memory");
  s.metadata = {{.name = "pool", .value = "3"}, {.name = "keyPrefix", .value = "name"}};
  const auto made = c.make(s, context);
  REQUIRE(made);
  CHECK((*made)->features() == std::vector<std::string>{"0", "3"});
  const auto unknown = (*c.find(s))->unknown(s);
  REQUIRE(unknown.size() == 1);
  CHECK(unknown[0].name == "keyPrefix");
  s.metadata[0].value = "10";
  const auto bad = c.make(s, context);
  REQUIRE(!bad);
  CHECK(bad.error().message == "pool must be between 1 and 9, got 10");
}

TEST_CASE("what starting would refuse of the settings is known before", "[components][catalog]") {
  Catalog c;
  c.add<Picky>();
  c.add<Store<0>>();
  auto manifest = spec("state.picky");
  manifest.metadata = {{.name = "mode", .value = "b"}};
  CHECK((*c.find(manifest))->refusal(manifest).error().message == "mode b is not for starting");
  manifest.metadata[0].value = "A";
  CHECK((*c.find(manifest))->refusal(manifest));
  manifest.metadata[0].value = "none of them";  // a problem of the settings already
  CHECK((*c.find(manifest))->refusal(manifest));
  const auto plain = spec("state.in-memory");
  CHECK((*c.find(plain))->refusal(plain));
}

TEST_CASE("a module that is not there is told, with the usual text before it", "[components][catalog]") {
  auto c = catalog();
  c.add_module("pubsub.kafka", "nosuch");
  const auto entry = c.find(spec("pubsub.Kafka"));
  REQUIRE(!entry);
  CHECK(
      entry.error().message ==
      "couldn't find message bus pubsub.Kafka/v1: there is no file mecha_nosuch.so beside the daemon or in ../lib/mecha"
  );
}

TEST_CASE("the catalogue describes itself as JSON and as tables", "[components][catalog]") {
  auto c = catalog();
  CHECK(c.categories() == std::vector<std::string>{"state"});
  const auto described = c.describe();
  REQUIRE(described.as_array().size() == 3);
  CHECK(
      json::write(described.as_array()[1]) ==
      R"({"aliases":["state.postgres"],"fields":[)"
      R"({"bounds":"1 to 9","default":"8","help":"Connections kept open.","name":"pool","required":false,"type":"integer"},)"
      R"({"aliases":["kind"],"choices":["a","b"],"default":null,"help":"Mode of a|b.","name":"mode","required":false,"type":"text"}],)"
      R"("help":"Tables.","type":"state.postgresql","version":"v1"})"
  );
  const auto page = c.describe_markdown("state");
  CHECK(page.starts_with(
      "## state.in-memory v1\n\nKept in memory.\n\n| Item | Type | Default | Meaning |\n|---|---|---|---|\n"
      "| `pool` | integer | `8` | Connections kept open. From 1 to 9. |\n"
      "| `mode` | text |  | Mode of a\\|b. One of `a`, `b`. Also `kind`. |\n\n## state.postgresql v1\n"
  ));
  CHECK(c.describe_markdown("pubsub").empty());
}

namespace {

struct RemoteStore : Component {
  RemoteStore(const ComponentSpec& spec, const ComponentContext&, const pluggable::Remote& remote) : text(spec.name + " at " + remote.socket) {}
  std::vector<std::string> features() const override { return {text}; }
  std::string text;
};

}  // namespace

TEST_CASE("a socket brings the types of the services that it serves, of any initial version", "[components][catalog]") {
  auto c = catalog();
  c.add_remote<RemoteStore>("state", {"StateStore"});
  c.add_remote<RemoteStore>("bindings", {"InputBinding", "OutputBinding"});
  CHECK(c.may_be_offered("state.x"));
  CHECK(!c.may_be_offered("pubsub.x"));
  const std::string package(pluggable::kPackage);
  CHECK(c.offer({.name = "Mine", .socket = "/s", .services = {package + "InputBinding", package + "StateStore", "other.OutputBinding"}}) ==
        std::vector<std::string>{package + "StateStore", package + "InputBinding"});
  Shards shards(1);
  const ComponentContext context{.shards = shards, .name = "c", .type = "", .app_id = "", .name_space = "", .log = {}};
  for (const auto* version : {"", "v0", "v1"}) CHECK(c.make(spec("state.mine", version), context).value()->features() == std::vector<std::string>{"c at /s"});
  CHECK(!c.find(spec("state.mine", "v2")));
  CHECK(c.find(spec("bindings.mine")));
  CHECK(!c.find(spec("pubsub.mine")));
}

TEST_CASE("the limits of a component on a socket are items of its manifest", "[components][catalog]") {
  struct LimitedStore : RemoteStore {
    LimitedStore(const ComponentSpec& one, const ComponentContext& context, const pluggable::Remote& remote) : RemoteStore(one, context, remote) {
      text = std::to_string(remote.limits.call.count()) + " " + std::to_string(remote.limits.message_bytes_max) + " " + std::to_string(remote.limits.in_flight_max);
    }
  };
  auto c = catalog();
  c.add_remote<LimitedStore>("state", {"StateStore"});
  c.offer({.name = "mine", .socket = "/s", .services = {"dapr.proto.components.v1.StateStore"}});
  Shards shards(1);
  const ComponentContext context{.shards = shards, .name = "c", .type = "", .app_id = "", .name_space = "", .log = {}};
  auto asked = spec("state.mine");
  CHECK(c.make(asked, context).value()->features() == std::vector<std::string>{"60000 67108864 1000"});
  asked.metadata = {{.name = "mechaCallTimeout", .value = "1.5s"}, {.name = "MechaMessageBytesMax", .value = "4096"}, {.name = "mechaMessagesInFlight", .value = "7"}};
  CHECK(c.make(asked, context).value()->features() == std::vector<std::string>{"1500 4096 7"});
  asked.metadata = {{.name = "mechaMessagesInFlight", .value = "0"}};
  CHECK_THAT(c.make(asked, context).error().message, Catch::Contains("mechaMessagesInFlight must be between 1 and 100000"));
}

TEST_CASE("a socket takes the place of a built-in type and of what it brought before", "[components][catalog]") {
  auto c = catalog();
  c.add_remote<RemoteStore>("state", {"StateStore"});
  Shards shards(1);
  const ComponentContext context{.shards = shards, .name = "c", .type = "", .app_id = "", .name_space = "", .log = {}};
  for (const std::string path : {"/first", "/second"}) {
    c.offer({.name = "in-memory", .socket = path, .services = {"dapr.proto.components.v1.StateStore"}});
    CHECK(c.make(spec("state.in-memory"), context).value()->features() == std::vector<std::string>{"c at " + path});
  }
}

TEST_CASE("in the place of a type that is not there, those of its kind are named", "[components][catalog]") {
  auto c = catalog();
  c.add_module("state.later", "later");
  const auto missing = c.find(spec("state.cassandra"));
  REQUIRE_FALSE(missing);
  REQUIRE(missing.error().details);
  CHECK(missing.error().details->front().description == "there are state.in-memory, state.later, state.postgresql");
  CHECK_FALSE(c.find(spec("pubsub.x")).error().details);
}
