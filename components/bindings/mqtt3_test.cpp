// bindings.mqtt3 against a real server (MECHA_TEST_MOSQUITTO).
#include <cstdlib>

#include "components/catalog.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"

namespace mecha::bindings {
void register_mqtt3(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using namespace std::chrono_literals;
using conformance::BindingBench;

namespace {

BindingBench::Settings settings(BindingBench::Settings more = {}) {
  const char* server = std::getenv("MECHA_TEST_MOSQUITTO");
  const auto name = "conformance-" + text::uuid();
  more.insert({{"url", server == nullptr ? "tcp://127.0.0.1:1883" : server}, {"topic", name}, {"consumerID", name}});
  return more;
}

struct Seen {
  std::vector<InputEvent> events;
  int failures = 0;
};

Async<std::string> keep(std::shared_ptr<Seen> seen, InputEvent event) {
  seen->events.push_back(std::move(event));
  if (seen->failures-- > 0) co_return fail(Code::unavailable, "refused");
  co_return std::string();
}

asio::awaitable<void> read(BindingBench& bench, std::shared_ptr<Seen> seen) {
  const auto started = co_await bench.input().read([seen](InputEvent event) { return keep(seen, std::move(event)); });
  INFO((started ? std::string() : started.error().message));
  REQUIRE(started.has_value());
}

asio::awaitable<void> wait_for(std::shared_ptr<Seen> seen, std::size_t wanted) {
  for (int i = 0; i < 1500 && seen->events.size() < wanted; ++i) co_await sleep_for(5ms);
  CHECK(seen->events.size() == wanted);
}

}  // namespace

TEST_CASE("bindings.mqtt3 keeps the output contract", "[bindings][mqtt][needs-mosquitto]") {
  BindingBench bench(register_mqtt3, "bindings.mqtt3", settings());
  bench.start();
  conformance::output_binding(bench, {.operations = {"create"}, .works = {.operation = "create", .data = "{}", .metadata = {}}, .place = {}});
}

TEST_CASE("what is published comes in, and comes again when it failed", "[bindings][mqtt][needs-mosquitto]") {
  auto given = settings({{"backOffMaxRetries", "1"}});
  const auto stem = given["topic"];
  given["topic"] = stem + "/+";
  BindingBench bench(register_mqtt3, "bindings.mqtt", given);
  bench.start();
  auto seen = std::make_shared<Seen>();
  seen->failures = 1;
  bench.run(read(bench, seen));
  CHECK_FALSE(bench.invoke("create", "first", {{"topic", stem + "/x"}}).error);
  bench.run(wait_for(seen, 2));
  CHECK(seen->events.at(1).data == "first");
  CHECK(seen->events.at(1).metadata == Metadata{{"topic", stem + "/x"}});
  bench.run(bench.input().stop_reading(1s));
}

TEST_CASE("settings of bindings.mqtt3 that cannot work are refused", "[bindings][mqtt]") {
  const auto error = [](BindingBench::Settings given) {
    return BindingBench(register_mqtt3, "bindings.mqtt3", std::move(given)).start_error();
  };
  CHECK(error({{"topic", "t"}, {"consumerID", "c"}}) == "missing url");
  CHECK(error({{"url", "tcp://x"}, {"consumerID", "c"}}) == "missing topic");
  CHECK(error({{"url", "tcp://x"}, {"topic", "t"}}) == "missing consumerID");
  CHECK(error({{"url", "http://x"}, {"topic", "t"}, {"consumerID", "c"}}).find("must begin with tcp://") != std::string::npos);
  CHECK(error({{"url", "tcp://127.0.0.1:1"}, {"topic", "t"}, {"consumerID", "c"}}).find("connection refused") != std::string::npos);
}
