// state.in-memory: the conformance suite, and the words that only this store has.

#include "components/catalog.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/state_store_suite.hpp"

namespace mecha::state {
void register_in_memory(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::state;
using conformance::StoreBench;

namespace {

const conformance::StoreTraits kTraits{
    .first_write_guards_delete = true,
    .empty_has_no_data = true,
    .document = R"({"a":"\u003cé\u003e","b":[1.5,true]})",
};

std::string set_error(StoreBench& bench, SetRequest request) {
  const auto done = bench.run(bench.store().set(std::move(request)));
  return done ? "" : done.error().message;
}

}  // namespace

TEST_CASE("state.in-memory keeps the state store contract", "[state][in-memory]") {
  StoreBench bench(register_in_memory, "state.in-memory", {});
  bench.start();
  conformance::state_store(bench, kTraits, "app||");
  CHECK(
      bench.store().features() ==
      std::vector<std::string>{"ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE"}
  );
}

TEST_CASE("state.in-memory forgets what expired", "[state][in-memory][.slow]") {
  StoreBench bench(register_in_memory, "state.in-memory", {});
  bench.start();
  conformance::state_store_expiry(bench, kTraits, "app||");
}

TEST_CASE("state.in-memory says why an etag does not fit", "[state][in-memory]") {
  StoreBench bench(register_in_memory, "state.in-memory", {});
  bench.start();
  constexpr std::string_view start = "possible etag mismatch. error from state store: ";
  CHECK(
      set_error(bench, {.key = "k", .value = std::string("1"), .etag = "x"}) ==
      std::string(start) + "state not exist or expired for key=k"
  );
  CHECK(bench.set("k", "1") == "");
  CHECK(
      set_error(bench, {.key = "k", .value = std::string("1"), .etag = "x"}) ==
      std::string(start) + "state etag not match for key=k: current=" + bench.etag("k") + ", expect=x"
  );
  CHECK(
      set_error(bench, {.key = "k", .value = std::string("1"), .options = {.concurrency = "first-write"}}) ==
      std::string(start) + "item already exists and no etag was passed"
  );
}

TEST_CASE("state.in-memory checks a transaction against the state before it", "[state][in-memory]") {
  StoreBench bench(register_in_memory, "state.in-memory", {});
  bench.start();
  const SetRequest first{.key = "z", .value = std::string("1"), .options = {.concurrency = "first-write"}};
  CHECK(bench.transact({first, first}) == "");
  CHECK(bench.transact({first}) == "mismatch");
}

TEST_CASE("state.in-memory deletes by prefix and no deeper", "[state][in-memory]") {
  StoreBench bench(register_in_memory, "state.in-memory", {});
  bench.start();
  for (const auto* key : {"a||t||1||k1", "a||t||1||k2", "a||t||1||k||deep", "a||t||2||k1"}) {
    CHECK(bench.set(key, "1") == "");
  }
  CHECK(bench.run(bench.store().delete_with_prefix("a||t||1")).value() == 2);
  CHECK(bench.get("a||t||1||k||deep") == "1");
  CHECK_FALSE(bench.run(bench.store().delete_with_prefix("||")).has_value());
}

TEST_CASE("state.in-memory takes a time to live beyond 32 bits", "[state][in-memory]") {
  StoreBench bench(register_in_memory, "state.in-memory", {});
  bench.start();
  for (const auto* ttl : {"2147483648", "9223372036854775807"}) {
    CHECK(bench.set(SetRequest{.key = "k", .value = std::string("1"), .metadata = {{"ttlInSeconds", ttl}}}) == "");
    CHECK(bench.get("k") == "1");
  }
}
