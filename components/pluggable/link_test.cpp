// The link to a component in another process: greeting, deadlines, loss and return.

#include "components/pluggable/bench.hpp"

using namespace mecha;
using namespace mecha::pluggable;
using pluggable::testing::Bench;
using namespace std::chrono_literals;

using Calls = std::vector<std::string>;

TEST_CASE("a component is greeted before it is called, always as its instance and with a deadline", "[pluggable]") {
  Bench bench;
  bench.up();
  bench.script.replies["StateStore/Get"] = "value";
  REQUIRE(bench.run(bench.make()->start()));
  CHECK(bench.call("StateStore/Get").value() == "value");
  CHECK(bench.script.calls == Calls{"StateStore/Init", "StateStore/Get"});
  CHECK(bench.script.instances == Calls{"orders", "orders"});
  CHECK(bench.script.deadlines == std::vector<bool>{true, true});
  CHECK(bench.link->greeted() == 1);
}

TEST_CASE("a component that refuses its greeting fails the start in its own words", "[pluggable]") {
  Bench bench;
  bench.up();
  bench.script.statuses["StateStore/Init"] = {.code = Code::invalid_argument, .message = "no password", .details = {}};
  const auto started = bench.run(bench.make()->start());
  REQUIRE(!started);
  CHECK(started.error().message == "rpc error: code = InvalidArgument desc = no password");
  CHECK(!bench.call("StateStore/Get"));
  CHECK(bench.script.calls == Calls{"StateStore/Init"});
}

TEST_CASE("a socket that nobody serves fails the start", "[pluggable]") {
  Bench bench;
  const auto started = bench.run(bench.make()->start());
  REQUIRE(!started);
  CHECK(started.error().code == Code::unavailable);
  CHECK(started.error().message == "rpc error: code = Unavailable desc = dial unix " + bench.path + ": connect: no such file or directory");
}

TEST_CASE("a status is an error with the code and the nested text", "[pluggable]") {
  Bench bench;
  bench.up();
  bench.script.statuses["StateStore/Get"] = {.code = Code::not_found, .message = "nothing", .details = {}};
  REQUIRE(bench.run(bench.make()->start()));
  const auto got = bench.call("StateStore/Get");
  REQUIRE(!got);
  CHECK(got.error().code == Code::not_found);
  CHECK(got.error().message == "rpc error: code = NotFound desc = nothing");
}

TEST_CASE("a call that is not answered ends at its limit", "[pluggable]") {
  Bench bench;
  bench.up();
  bench.script.silent = {"StateStore/Get"};
  REQUIRE(bench.run(bench.make({.limits = {.call = 30ms}, .pause_first = 1ms, .pause_longest = 2ms})->start()));
  const auto got = bench.call("StateStore/Get");
  REQUIRE(!got);
  CHECK(got.error().code == Code::deadline_exceeded);
  CHECK(bench.call("StateStore/Set"));  // the connection is as good as before
  CHECK(bench.link->greeted() == 1);
}

TEST_CASE("an answer of more bytes than allowed is refused", "[pluggable]") {
  Bench bench;
  bench.up();
  bench.script.replies["StateStore/Get"] = std::string(1025, 'x');
  bench.script.replies["StateStore/Set"] = std::string(1024, 'x');
  REQUIRE(bench.run(bench.make({.limits = {.message_bytes_max = 1024}})->start()));
  const auto got = bench.call("StateStore/Get");
  REQUIRE(!got);
  CHECK(got.error().code == Code::resource_exhausted);
  CHECK(bench.call("StateStore/Set"));
}

TEST_CASE("a component that dies is told of, and a new one is greeted before it is called", "[pluggable]") {
  Bench bench;
  bench.up();
  REQUIRE(bench.run(bench.make()->start()));
  bench.down();
  REQUIRE(bench.until([&] { return bench.logged("The process of component orders has gone"); }));
  const auto got = bench.call("StateStore/Get");
  REQUIRE(!got);
  CHECK(got.error().code == Code::unavailable);
  REQUIRE(bench.until([&] { return bench.logged("Component orders cannot be reached"); }));
  CHECK(bench.reports.size() >= 1);
  CHECK(!bench.reports.back().empty());

  bench.script.calls.clear();
  bench.up();
  REQUIRE(bench.until([&] { return bench.call("StateStore/Get").has_value(); }));
  CHECK(bench.script.calls[0] == "StateStore/Init");
  CHECK(bench.script.calls.back() == "StateStore/Get");
  CHECK(bench.link->greeted() == 2);
  REQUIRE(bench.until([&] { return bench.reports.back().empty(); }));
  CHECK(bench.logged("Component orders has been initialized again"));
}

TEST_CASE("it comes back by itself, without a call", "[pluggable]") {
  Bench bench;
  bench.up();
  REQUIRE(bench.run(bench.make()->start()));
  bench.down();
  REQUIRE(bench.until([&] { return !bench.reports.empty(); }));
  bench.up();
  CHECK(bench.until([&] { return bench.link->greeted() == 2; }));
}

TEST_CASE("a new process that refuses its greeting stays away, with its words", "[pluggable]") {
  Bench bench;
  bench.up();
  REQUIRE(bench.run(bench.make()->start()));
  bench.down();
  bench.script.statuses["StateStore/Init"] = {.code = Code::internal, .message = "broken", .details = {}};
  bench.up();
  REQUIRE(bench.until([&] { return bench.logged("broken"); }));
  const auto got = bench.call("StateStore/Get");
  REQUIRE(!got);
  CHECK(got.error().message == "rpc error: code = Internal desc = broken");
  CHECK(std::ranges::find(bench.script.calls, "StateStore/Get") == bench.script.calls.end());
}

TEST_CASE("after the stop calls fail and nothing is looked for", "[pluggable]") {
  Bench bench;
  bench.up();
  REQUIRE(bench.run(bench.make()->start()));
  mecha::testing::run(bench.shards.context(0), bench.link->stop());
  bench.down();
  bench.settle();
  const auto got = bench.call("StateStore/Get");
  REQUIRE(!got);
  CHECK(got.error().code == Code::unavailable);
  CHECK(!bench.logged("has gone"));
}
