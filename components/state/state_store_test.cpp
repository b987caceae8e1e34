// What stores share: texts of failures, times to live, patterns, and the default bulk operations.

#include "components/state/state_store.hpp"

#include <algorithm>

#include "components/state/like.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::state;
using namespace std::chrono_literals;

namespace {

std::string ttl_error(std::string value) {
  const auto ttl = ttl_seconds({{"ttlInSeconds", std::move(value)}});
  return ttl ? "" : ttl.error().message;
}

// Knows single operations only; keys that begin with "bad" fail.
class SingleStore final : public StateStore {
 public:
  Async<std::optional<Item>> get(GetRequest request) override {
    if (request.key == "none") co_return std::nullopt;
    if (request.key.starts_with("bad")) co_return fail(Code::internal, "cannot read");
    co_return Item{.data = request.key};
  }
  Async<void> set(SetRequest request) override { return write(std::move(request.key)); }
  Async<void> remove(DeleteRequest request) override { return write(std::move(request.key)); }

 private:
  static Async<void> write(std::string key) {
    if (key.starts_with("bad")) co_return fail(Code::internal, "cannot write " + key);
    co_return Result<void>{};
  }
};

}  // namespace

TEST_CASE("the default bulk operations answer for each key", "[state]") {
  asio::io_context context;
  SingleStore store;
  std::vector<GetRequest> reads;
  for (const auto* key : {"a", "none", "bad", "a"}) reads.push_back({.key = key});
  const auto items = testing::run(context, store.bulk_get(reads, 2)).value();
  REQUIRE(items.size() == 4);
  CHECK(items[0].item->data == "a");
  CHECK_FALSE((items[1].item || items[1].error));
  CHECK(items[2].error->message == "cannot read");
  CHECK(items[3].key == "a");
  std::vector<SetRequest> writes;
  for (const auto* key : {"a", "bad1", "b", "bad2"}) writes.push_back({.key = key});
  const auto failed = testing::run(context, store.bulk_set(writes)).value();
  REQUIRE(failed.size() == 2);
  CHECK(failed[0].index == 1);
  CHECK(failed[1].error.message == "cannot write bad2");
  CHECK(testing::run(context, store.transact({})).error().failure == Failure::not_supported);
}

TEST_CASE("times to live of the shared parser", "[state]") {
  CHECK_FALSE(ttl_seconds({}).value().has_value());
  CHECK_FALSE(ttl_seconds({{"ttlInSeconds", ""}}).value().has_value());
  CHECK_FALSE(ttl_seconds({{"ttlinseconds", "5"}}).value().has_value());
  CHECK(ttl_seconds({{"ttlInSeconds", "+5"}}).value() == 5);
  CHECK(ttl_seconds({{"ttlInSeconds", "-1"}}).value() == -1);
  CHECK(ttl_seconds({{"ttlInSeconds", "2147483647"}}).value() == 2147483647);
  const std::string range = "incorrect value for metadata 'ttlInSeconds': must be -1 or greater";
  CHECK(ttl_error("-2") == range);
  CHECK(ttl_error("2147483648") == range);
  CHECK_THAT(ttl_error("1.5"), Catch::EndsWith("parsing \"1.5\": invalid syntax"));
  CHECK_THAT(ttl_error("99999999999999999999"), Catch::EndsWith("value out of range"));
}

TEST_CASE("patterns are those of SQL", "[state][like]") {
  CHECK(like("a%", "abc"));
  CHECK(like("%c", "abc"));
  CHECK(like("a%b%c", "axxbyyc"));
  CHECK(like("_b_", "abc"));
  CHECK(like("_", "é"));
  CHECK(like("a\\%", "a%"));
  CHECK(like("%%", ""));
  CHECK_FALSE(like("a\\%", "ab"));
  CHECK_FALSE(like("a\\_c", "abc"));
  CHECK_FALSE(like("", "a"));
  CHECK_FALSE(like("_", ""));
  CHECK_FALSE(like("a%d", "abc"));
}
