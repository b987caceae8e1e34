// state.etcd: the conformance suite against a real server (MECHA_TEST_ETCD=host:port), and the stored layout.

#include <cstdlib>

#include "components/catalog.hpp"
#include "components/etcd/client.hpp"
#include "components/state/etcd_record.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"
#include "tests/run.hpp"

namespace mecha::state {
void register_etcd(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::state;
using conformance::StoreBench;

namespace {

conformance::StoreTraits traits(bool shows_expiry) {
  return {
      .first_write_guards_delete = true,
      .shows_expiry = shows_expiry,
      .document = R"({"a":"\u003cé\u003e","b":[1.5,true]})",
  };
}

std::string server() {
  const char* address = std::getenv("MECHA_TEST_ETCD");
  return address ? address : "127.0.0.1:2379";
}

StoreBench bench(const std::string& version, const std::string& prefix = "mecha") {
  return {register_etcd, "state.etcd", {{"endpoints", server()}, {"keyPrefixPath", prefix}}, version};
}

std::string stored(const std::string& key) {
  Shards shards(1);
  etcd::Client client(shards, {.endpoints = {server()}});
  const auto found = testing::run(shards.context(0), client.get(key));
  REQUIRE(found);
  REQUIRE(*found);
  return (*found)->value;
}

}  // namespace

TEST_CASE("state.etcd keeps the state store contract", "[state][etcd][needs-etcd]") {
  for (const std::string version : {"v1", "v2"}) {
    auto store = bench(version);
    store.start();
    conformance::state_store(store, traits(version == "v2"), version + text::uuid() + "||");
  }
}

// The server raises a lease of one second, and ends leases with a delay of its own: the suite's times do not fit.
TEST_CASE("records of state.etcd expire with their lease", "[state][etcd][needs-etcd][.slow]") {
  auto store = bench("v2");
  store.start();
  const auto key = "e" + text::uuid();
  const auto brief = [&](const std::string& name) {
    return store.set({.key = name, .value = std::string("1"), .metadata = {{"ttlInSeconds", "2"}}});
  };
  // A write without time to live lets go of the lease.
  CHECK(brief(key + "kept").empty());
  CHECK(store.set(key + "kept", "2").empty());
  CHECK(brief(key).empty());
  CHECK(store.get(key) == "1");
  CHECK(testing::eventually([&] { return store.get(key).empty(); }));
  CHECK(store.get(key + "kept") == "2");
}

TEST_CASE("the layout in etcd is that of the contract", "[state][etcd][needs-etcd]") {
  const auto key = text::uuid();
  auto one = bench("v1", "");
  one.start();
  CHECK(one.set(key, R"({"a":1})").empty());
  CHECK(stored("/" + key) == R"({"a":1})");
  auto two = bench("v2", "some/path");
  two.start();
  CHECK(two.set(key, R"({"a":1})").empty());
  const auto record = read_etcd_record(stored("some/path/" + key));
  REQUIRE(record);
  CHECK(record->data == R"({"a":1})");
  CHECK(record->ttl == 0);
}

TEST_CASE("a server that is not there is an error in time", "[state][etcd]") {
  StoreBench store(register_etcd, "state.etcd", {{"endpoints", "127.0.0.1:1,http://127.0.0.1:2"}});
  store.start();
  CHECK_THAT(store.set("k", "1"), Catch::StartsWith("couldn't set key /k: ") && Catch::Contains("127.0.0.1:2: connect: connection refused"));
}

TEST_CASE("settings of state.etcd that cannot be are refused", "[state][etcd]") {
  CHECK(StoreBench(register_etcd, "state.etcd", {{"endpoints", "nonsense"}}).start_error() == R"(etcd: an endpoint is host:port, got "nonsense")");
  CHECK(
      StoreBench(register_etcd, "state.etcd", {{"endpoints", "a:1"}, {"tlsEnable", "true"}}).start_error() ==
      "initializing etcd client: tls authentication information is incomplete"
  );
  CHECK(StoreBench(register_etcd, "state.etcd", {}).start_error() == "initializing etcd client: endpoints required");
}

TEST_CASE("a record of state.etcd v2 has all three fields", "[state][etcd]") {
  const std::chrono::system_clock::time_point when{std::chrono::seconds(1) + std::chrono::nanoseconds(2)};
  const std::string none("\x0a\x01v\x12\x04\x08\x01\x10\x02\x1a\x00", 11);
  CHECK(write_etcd_record({.data = "v", .written = when}) == none);
  const std::string some("\x0a\x01v\x12\x04\x08\x01\x10\x02\x1a\x02\x08\x07", 13);
  CHECK(write_etcd_record({.data = "v", .written = when, .ttl = 7}) == some);
  const auto read = read_etcd_record(some);
  REQUIRE(read);
  CHECK(read->ttl == 7);
  CHECK(read->written == when);
  CHECK(!read_etcd_record("no message"));
}
