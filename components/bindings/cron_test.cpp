// bindings.cron: the input contract on a quick schedule, and what an event holds.

#include "components/catalog.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"

namespace mecha::bindings {
void register_cron(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using namespace std::chrono_literals;
using conformance::BindingBench;

namespace {

BindingBench bench(std::string schedule) {
  return {register_cron, "bindings.cron", {{"schedule", std::move(schedule)}}};
}

Async<std::string> keep(std::shared_ptr<std::vector<InputEvent>> events, InputEvent event) {
  events->push_back(std::move(event));
  co_return std::string();
}

asio::awaitable<void> collect(
    InputBinding& input, std::shared_ptr<std::vector<InputEvent>> events, std::size_t wanted
) {
  const auto started =
      co_await input.read([events](InputEvent event) { return keep(events, std::move(event)); });
  REQUIRE(started.has_value());
  for (int i = 0; i < 2000 && events->size() < wanted; ++i) co_await sleep_for(2ms);
  co_await input.stop_reading(1s);
}

}  // namespace

TEST_CASE("bindings.cron keeps the input contract", "[bindings][cron]") {
  auto cron = bench("@every 10ms");
  cron.start();
  CHECK(cron.binding().output() == nullptr);
  conformance::input_binding(cron, {});
}

TEST_CASE("an event of a clock is empty and tells when it was", "[bindings][cron]") {
  auto cron = bench("@every 3ms");
  cron.start();
  auto events = std::make_shared<std::vector<InputEvent>>();
  cron.run(collect(cron.input(), events, 2));
  REQUIRE(events->size() >= 2);
  const auto& event = events->front();
  CHECK(event.data.empty());
  REQUIRE(event.metadata.size() == 2);
  CHECK(event.metadata.at("timeZone") == "Local");
  const auto& time = event.metadata.at("readTimeUTC");
  CHECK_THAT(
      time,
      Catch::Matchers::Matches(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,8}[1-9])? \+0000 UTC)")
  );
}

TEST_CASE("the first run is one period after the start", "[bindings][cron]") {
  auto cron = bench("@every 40ms");
  auto events = std::make_shared<std::vector<InputEvent>>();
  const auto begun = std::chrono::steady_clock::now();
  cron.start();
  cron.run(collect(cron.input(), events, 1));
  CHECK(events->size() >= 1);
  CHECK(std::chrono::steady_clock::now() - begun >= 38ms);
}

TEST_CASE("a schedule that cannot be read does not start", "[bindings][cron]") {
  CHECK(bench("").start_error() == "schedule not set");
  CHECK(bench("nonsense").start_error().starts_with("invalid schedule format 'nonsense': "));
  CHECK(bench("* * * * 7").start_error() != "");
  CHECK(bench("CRON_TZ=Europe/Berlin 0 30 9 ? * mon-fri").start_error() == "");
  CHECK(bench("@hourly").start_error() == "");
}
