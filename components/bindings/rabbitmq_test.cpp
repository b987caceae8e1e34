// bindings.rabbitmq against a real server (MECHA_TEST_RABBITMQ).
#include <cstdlib>

#include "components/catalog.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"

namespace mecha::bindings {
void register_rabbitmq(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using namespace std::chrono_literals;
using conformance::BindingBench;

namespace {

BindingBench::Settings settings(BindingBench::Settings more = {}) {
  const char* server = std::getenv("MECHA_TEST_RABBITMQ");
  more.insert({{"host", server == nullptr ? "amqp://127.0.0.1:5672" : server}, {"queueName", "conformance-" + text::uuid()}});
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

TEST_CASE("bindings.rabbitmq keeps the output contract", "[bindings][rabbitmq][needs-rabbitmq]") {
  BindingBench bench(register_rabbitmq, "bindings.rabbitmq", settings({{"deleteWhenUnused", "true"}}));
  bench.start();
  conformance::output_binding(bench, {.operations = {"create"}, .works = {.operation = "create", .data = "{}", .metadata = {}}, .place = {}});
}

TEST_CASE("what is created in a queue comes in, and comes again when it failed", "[bindings][rabbitmq][needs-rabbitmq]") {
  BindingBench bench(register_rabbitmq, "bindings.rabbitmq", settings({{"deleteWhenUnused", "true"}, {"prefetchCount", "1"}, {"ttlInSeconds", "60"}}));
  bench.start();
  auto seen = std::make_shared<Seen>();
  seen->failures = 1;
  bench.run(read(bench, seen));
  CHECK_FALSE(bench.invoke("create", "first", {{"a b", "c"}, {"ttlInSeconds", "30"}}).error);
  bench.run(wait_for(seen, 2));
  CHECK(seen->events.at(1).data == "first");
  CHECK(seen->events.at(1).metadata == Metadata{{"a+b", "c"}, {"ttlInSeconds", "30"}});
  bench.run(bench.input().stop_reading(1s));
}

TEST_CASE("settings of bindings.rabbitmq that cannot work are refused", "[bindings][rabbitmq]") {
  const auto error = [](BindingBench::Settings given) {
    return BindingBench(register_rabbitmq, "bindings.rabbitmq", std::move(given)).start_error();
  };
  CHECK(error({{"queueName", "q"}}) == "missing host address");
  CHECK(error({{"host", "amqp://127.0.0.1:1"}}) == "missing queue Name");
  CHECK(error({{"host", "http://x"}, {"queueName", "q"}}).find("must begin with amqp://") != std::string::npos);
  CHECK(error({{"host", "amqp://127.0.0.1:1"}, {"queueName", "q"}, {"ttl", "-1"}}) == "failed to parse TTL: ttlInSeconds value must be higher than zero: actual is '-1'");
  CHECK(error({{"host", "amqp://127.0.0.1:1"}, {"queueName", "q"}}).find("connection refused") != std::string::npos);
}
