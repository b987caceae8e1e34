#include "runtime/telemetry/log.hpp"

#include <fstream>
#include <regex>
#include <thread>

#include <unistd.h>

#include "runtime/telemetry/log_format.hpp"
#include "tests/catch.hpp"

namespace mecha {
namespace {

LogOptions options() { return {.app_id = "app", .instance = "host", .version = "1.18.3"}; }

LogEntry entry(std::string_view text, Level level = Level::info) {
  using namespace std::chrono;
  return {
      .level = level,
      .text = text,
      .scope = "dapr.runtime",
      .time = system_clock::time_point(seconds(1136214245) + nanoseconds(120))
  };
}

TEST_CASE("a text line has time, level and message first and the other fields sorted", "[log]") {
  CHECK(
      format_log_text(options(), entry("app id: app")) ==
      R"(time="2006-01-02T15:04:05.00000012Z" level=info msg="app id: app" app_id=app instance=host scope=dapr.runtime type=log ver=1.18.3)"
  );
}

TEST_CASE(
    "fields of a line are sorted among the fixed ones and quoted only where needed", "[log]"
) {
  std::vector<std::string> lines;
  Log log(make_memory_sink(lines, options()), "dapr.runtime.http-info");
  log.info(
      "HTTP API Called",
      {{"useragent", "tester 1"}, {"code", 500}, {"method", "GetState"}, {"empty", ""}}
  );
  REQUIRE(lines.size() == 1);
  CHECK(
      lines[0].substr(lines[0].find(" level")) ==
      R"( level=info msg="HTTP API Called" app_id=app code=500 empty= instance=host method=GetState scope=dapr.runtime.http-info type=log useragent="tester 1" ver=1.18.3)"
  );
}

TEST_CASE("a message of one bare word is not quoted and quotes inside are escaped", "[log]") {
  CHECK(format_log_text(options(), entry("ready")).find(" msg=ready ") != std::string::npos);
  CHECK(
      format_log_text(options(), entry("breaker \"a:b\"")).find(R"( msg="breaker \"a:b\"" )") !=
      std::string::npos
  );
  CHECK(
      format_log_text(options(), entry("in 10ms…")).find(" msg=\"in 10ms…\" ") != std::string::npos
  );
}

TEST_CASE("a JSON line has all keys sorted and numbers as numbers", "[log]") {
  auto with_code = entry("HTTP API Called", Level::warning);
  const std::vector<LogField> fields{{"code", 500}, {"method", "GET /x"}, {"ok", true}};
  with_code.fields = fields;
  CHECK(
      format_log_json(options(), with_code) ==
      R"({"app_id":"app","code":500,"instance":"host","level":"warning","method":"GET /x","msg":"HTTP API Called","ok":true,"scope":"dapr.runtime","time":"2006-01-02T15:04:05.00000012Z","type":"log","ver":"1.18.3"})"
  );
}

TEST_CASE("the coloured layout pads the message", "[log]") {
  auto line = entry("hello");
  line.since_start = std::chrono::seconds(7);
  CHECK(format_log_coloured(options(), line)
            .starts_with(
                "\x1b[36mINFO\x1b[0m[0007] hello" + std::string(39, ' ') +
                "  \x1b[36mapp_id\x1b[0m=app"
            ));
}

TEST_CASE("lines below the level are left out, but not those that are written always", "[log]") {
  std::vector<std::string> lines;
  LogOptions quiet = options();
  quiet.level = Level::error;
  Log log(make_memory_sink(lines, quiet), "dapr.runtime");
  log.info("no");
  log.warn("no");
  log.always(Level::info, "yes", {});
  log.error("too");
  CHECK_FALSE(log.enabled(Level::warning));
  CHECK(log.enabled(Level::fatal));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("level=info msg=yes") != std::string::npos);
}

TEST_CASE("scope and added fields travel with a handle and not with its origin", "[log]") {
  std::vector<std::string> lines;
  const Log base(make_memory_sink(lines, options()), "dapr.runtime");
  base.scoped("dapr.contrib").with("component", "store").with("component", "orders").info("x");
  base.info("y");
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("component=orders instance=host scope=dapr.contrib") != std::string::npos);
  CHECK(lines[1].find("component") == std::string::npos);
}

TEST_CASE("a log without a sink discards", "[log]") {
  Log log;
  log.error("nowhere");
  CHECK_FALSE(log.enabled(Level::fatal));
}

TEST_CASE("a file is appended to in whole lines by many threads", "[log]") {
  char name[] = "/tmp/mecha_log_XXXXXX";
  const int descriptor = ::mkstemp(name);
  REQUIRE(::write(descriptor, "before\n", 7) == 7);
  ::close(descriptor);
  {
    LogOptions to_file = options();
    to_file.file = name;
    auto sink = make_log_sink(to_file);
    REQUIRE(sink);
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([log = Log(*sink, "s")] {
        for (int i = 0; i < 100; ++i) log.info("a line of some length", {{"i", i}});
      });
    }
  }
  std::ifstream file(name);
  std::string line;
  std::getline(file, line);
  CHECK(line == "before");
  const std::regex shape(
      R"re(time="[^"]+" level=info msg="a line of some length" app_id=app i=\d+ instance=host scope=s type=log ver=1\.18\.3)re"
  );
  int count = 0;
  while (std::getline(file, line)) {
    ++count;
    if (!std::regex_match(line, shape)) FAIL(line);
  }
  CHECK(count == 400);
  ::unlink(name);
}

TEST_CASE("a file that cannot be opened is an error with its name", "[log]") {
  LogOptions bad = options();
  bad.file = "/dev/null/log";
  const auto sink = make_log_sink(bad);
  REQUIRE_FALSE(sink);
  CHECK(sink.error().message == "open /dev/null/log: Not a directory");
}

}  // namespace
}  // namespace mecha
