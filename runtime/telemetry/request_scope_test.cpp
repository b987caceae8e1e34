#include "runtime/telemetry/request_scope.hpp"

#include <cstdlib>
#include <map>
#include <sstream>

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

// The scope only carries the reference.
Application& nobody() {
  alignas(16) static char place[16];
  return reinterpret_cast<Application&>(place);
}

std::map<std::string, double> parse(const std::string& timing) {
  std::map<std::string, double> out;
  for (const auto part : text::split(timing, ',')) {
    const auto item = text::trim(part);
    const auto at = item.find(";dur=");
    REQUIRE(at != std::string_view::npos);
    out[std::string(item.substr(0, at))] = text::to_double(item.substr(at + 5)).value();
  }
  return out;
}

TEST_CASE("server timing names what was marked, and the rest is the runtime's", "[scope]") {
  RequestScope scope(nobody(), nullptr, Face::http);
  scope.begun = RequestScope::Clock::now() - 100ms;
  scope.add(Mark::component, 60ms);
  scope.add(Mark::component, 10ms);
  scope.add(Mark::queue, 5ms);
  const auto parts = parse(scope.server_timing());
  CHECK(parts.at("component") == Approx(70.0));
  CHECK(parts.at("queue") == Approx(5.0));
  CHECK(parts.count("app") == 0);
  CHECK(parts.at("total") >= 100.0);
  double sum = 0;
  for (const auto& [name, time] : parts) {
    if (name != "total") sum += time;
  }
  CHECK(sum == Approx(parts.at("total")).epsilon(0.05));
}

TEST_CASE("the runtime's rest is never negative", "[scope]") {
  RequestScope scope(nobody(), nullptr, Face::http);
  scope.add(Mark::app, 10s);
  CHECK(parse(scope.server_timing()).at("runtime") == 0);
}

TEST_CASE("the innermost hook ends a request, and the ones around it have their say afterwards", "[scope]") {
  RequestScope scope(nobody(), nullptr, Face::http);
  int outer = 0, inner = 0;
  {
    const CancelHook around(scope, [&] { ++outer; });
    {
      const CancelHook within(scope, [&] { ++inner; });
      scope.give_up();
      CHECK(scope.cancelled);
      CHECK(inner == 1);
      CHECK(outer == 0);
    }
    CHECK(outer == 1);
  }
  CHECK_FALSE(scope.cancel);
}

TEST_CASE("hooks of a request that is not given up are never called", "[scope]") {
  RequestScope scope(nobody(), nullptr, Face::http);
  int calls = 0;
  {
    const CancelHook around(scope, [&] { ++calls; });
    const CancelHook within(scope, [&] { ++calls; });
  }
  CHECK(calls == 0);
}

TEST_CASE("a mark timer adds the time of its life", "[scope]") {
  RequestScope scope(nobody(), nullptr, Face::http);
  {
    const MarkTimer timer(scope, Mark::codec);
    const auto end = RequestScope::Clock::now() + 1ms;
    while (RequestScope::Clock::now() < end) {
    }
  }
  CHECK(scope.spent(Mark::codec) >= 1ms);
  CHECK(scope.spent(Mark::app) == 0ms);
}

TEST_CASE("lines of a request with a span carry its ids", "[scope]") {
  std::vector<std::string> lines;
  const Log log(make_memory_sink(lines), "dapr.runtime");
  RequestScope scope(nobody(), nullptr, Face::http);
  scope.tagged(log).info("x");
  scope.span = *trace::parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  scope.tagged(log).info("x");
  CHECK(lines[0].find("trace_id") == std::string::npos);
  CHECK(
      lines[1].find("span_id=b7ad6b7169203331 trace_id=0af7651916cd43dd8448eb211c80319c") !=
      std::string::npos
  );
}

}  // namespace
}  // namespace mecha
