#include "runtime/base/cron.hpp"

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using cron::Schedule;
using namespace std::chrono_literals;

namespace {

std::string next_of(std::string_view spec, std::string_view after) {
  const auto schedule = Schedule::parse(spec);
  if (!schedule) return "! " + schedule.error().message;
  const auto time = schedule->next(*text::parse_rfc3339(after));
  return time ? text::rfc3339_nano(*time) : "never";
}

}  // namespace

TEST_CASE("the next time of a schedule", "[cron]") {
  const auto [spec, after, expected] = GENERATE(table<std::string, std::string, std::string>({
      {"TZ=UTC * * * * *", "2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z"},
      {"TZ=UTC * * * * * *", "2024-01-01T00:00:00.9Z", "2024-01-01T00:00:01Z"},
      {"TZ=UTC 30 4 * * *", "2024-01-01T04:30:00Z", "2024-01-02T04:30:00Z"},
      {"TZ=UTC 0 0 1 1 *", "2024-06-01T00:00:00Z", "2025-01-01T00:00:00Z"},
      {"TZ=UTC 0 0 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z"},
      {"TZ=UTC 0 0 31 2 *", "2024-03-01T00:00:00Z", "never"},
      {"TZ=UTC 0 0 12 ? * MON-FRI", "2024-05-04T00:00:00Z", "2024-05-06T12:00:00Z"},
      {"TZ=UTC 0 0 13 * fri", "2024-05-11T00:00:00Z", "2024-05-13T00:00:00Z"},
      {"TZ=UTC 0 0 13 * fri", "2024-05-13T00:00:00Z", "2024-05-17T00:00:00Z"},
      {"TZ=UTC */20 10-12/2 * jan,Jul *", "2024-01-31T10:45:00Z", "2024-01-31T12:00:00Z"},
      {"TZ=UTC 5/25 * * * *", "2024-01-01T00:06:00Z", "2024-01-01T00:30:00Z"},
      {"TZ=UTC 59 59 23 31 12 *", "2024-12-31T23:59:59Z", "2025-12-31T23:59:59Z"},
      {"TZ=UTC , * * * *", "2024-01-01T00:00:00Z", "never"},
      {"TZ=UTC @hourly", "2024-01-01T00:30:00Z", "2024-01-01T01:00:00Z"},
      {"TZ=UTC @weekly", "2024-05-06T00:30:00Z", "2024-05-12T00:00:00Z"},
      {"TZ=UTC @monthly", "2024-12-06T00:30:00Z", "2025-01-01T00:00:00Z"},
      {"@every 1m30s", "2024-01-01T00:00:00.25Z", "2024-01-01T00:01:30.25Z"},
      {"@every 500ms", "2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z"},
      {"@every 2562047h", "2024-01-01T00:00:00Z", "never"},
      {"CRON_TZ=Europe/Berlin 0 0 6 * JAN MON-FRI", "2024-01-01T06:00:00Z", "2024-01-02T05:00:00Z"},
      // Clocks leap over the hour: it is left out. They go back: the hour counts twice.
      {"TZ=America/New_York 30 2 * * *", "2024-03-10T00:00:00Z", "2024-03-11T06:30:00Z"},
      {"TZ=America/New_York 30 1 * * *", "2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z"},
      {"TZ=America/New_York 0 0 * * *", "2024-03-10T12:00:00Z", "2024-03-11T04:00:00Z"},
      {"TZ=America/Sao_Paulo 30 0 * * *", "2018-11-04T02:59:00Z", "2018-11-05T02:30:00Z"},
      {"TZ=Australia/Lord_Howe 0 * * * *", "2024-10-05T15:10:00Z", "2024-10-05T16:00:00Z"},
  }));
  CAPTURE(spec, after);
  CHECK(next_of(spec, after) == expected);
}

TEST_CASE("a schedule that is none says why", "[cron]") {
  const auto [spec, message] = GENERATE(table<std::string, std::string>({
      {"", "empty spec string"},
      {"x", "expected 5 to 6 fields, found 1: [x]"},
      {"* * * * * * *", "expected 5 to 6 fields, found 7: [* * * * * * *]"},
      {"60 * * * *", "end of range (60) above maximum (59): 60"},
      {"* * 0 * *", "beginning of range (0) below minimum (1): 0"},
      {"* * * * 7", "end of range (7) above maximum (6): 7"},
      {"5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"},
      {"1-2-3 * * * *", "too many hyphens: 1-2-3"},
      {"1/2/3 * * * *", "too many slashes: 1/2/3"},
      {"*/0 * * * *", "step of range should be a positive number: */0"},
      {"x * * * *", "failed to parse int from x: strconv.Atoi: parsing \"x\": invalid syntax"},
      {"* * * january *", "failed to parse int from january: strconv.Atoi: parsing \"january\": invalid syntax"},
      {"@nope", "unrecognized descriptor: @nope"},
      {"@every x", "failed to parse duration @every x: time: invalid duration \"x\""},
      {"@every 30d", "failed to parse duration @every 30d: time: unknown unit \"d\" in duration \"30d\""},
      {"@every 5", "failed to parse duration @every 5: time: missing unit in duration \"5\""},
      {"TZ=Nope/Zone * * * * *", "provided bad location Nope/Zone: unknown time zone Nope/Zone"},
      {"TZ=Europe/ * * * * *", "provided bad location Europe/: unknown time zone Europe/"},
      {"TZ=UTC", "provided bad location UTC: unknown time zone UTC"},
  }));
  CAPTURE(spec);
  CHECK(next_of(spec, "2024-01-01T00:00:00Z") == "! " + message);
}

TEST_CASE("a job wants all six fields", "[cron]") {
  CHECK(Schedule::parse("0 30 4 * * *", Schedule::Seconds::required));
  const auto schedule = Schedule::parse("30 4 * * *", Schedule::Seconds::required);
  REQUIRE_FALSE(schedule);
  CHECK(schedule.error().message == "expected exactly 6 fields, found 5: [30 4 * * *]");
}

TEST_CASE("the period of an interval is known", "[cron]") {
  CHECK(Schedule::parse("@every 90s")->period() == 90s);
  CHECK(Schedule::parse("@every -1s")->period() == 1s);
  CHECK(Schedule::parse("@daily")->period() == 0s);
}
