#include "runtime/base/cron.hpp"

#include <array>
#include <vector>

#include "runtime/base/text.hpp"

namespace mecha::cron {
namespace {

namespace chrono = std::chrono;

constexpr std::uint64_t kAny = std::uint64_t{1} << 63;

struct Bounds {
  unsigned min, max;
  std::string_view names;  // three letters each
};
constexpr Bounds kSecond{0, 59, {}};
constexpr Bounds kMinute{0, 59, {}};
constexpr Bounds kHour{0, 23, {}};
constexpr Bounds kDay{1, 31, {}};
constexpr Bounds kMonth{1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"};
constexpr Bounds kWeekday{0, 6, "sunmontuewedthufrisat"};

std::unexpected<Error> wrong(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

std::string quoted_number(unsigned value) { return "(" + std::to_string(value) + ")"; }

Result<unsigned> read_number(std::string_view text) {
  const auto value = text::to_int(text);
  const std::string shown(text);
  if (!value) {
    bool digits = false;
    const auto body = text.substr(text.starts_with('-') || text.starts_with('+') ? 1 : 0);
    digits = !body.empty() && body.find_first_not_of("0123456789") == std::string_view::npos;
    return wrong(
        "failed to parse int from " + shown + ": strconv.Atoi: parsing " + text::quote(text) +
        (digits ? ": value out of range" : ": invalid syntax")
    );
  }
  if (*value < 0) return wrong("negative number (" + std::to_string(*value) + ") not allowed: " + shown);
  // Far beyond every bound is far enough.
  return static_cast<unsigned>(std::min<std::int64_t>(*value, 4'000'000'000));
}

Result<unsigned> read_value(std::string_view text, const Bounds& bounds) {
  if (text.size() == 3 && !bounds.names.empty()) {
    const auto at = bounds.names.find(text::lower(text));
    if (at != std::string_view::npos && at % 3 == 0) return bounds.min + static_cast<unsigned>(at / 3);
  }
  return read_number(text);
}

// "*", "5", "1-5", "mon-fri/2"
Result<std::uint64_t> read_range(std::string_view text, const Bounds& bounds) {
  const auto parts = text::split(text, '/');
  const auto ends = text::split(parts[0], '-');
  const std::string shown(text);
  unsigned start = bounds.min;
  unsigned end = bounds.max;
  std::uint64_t bits = 0;
  if (ends[0] == "*" || ends[0] == "?") {
    bits = kAny;
  } else {
    MECHA_TRY(start, read_value(ends[0], bounds));
    end = start;
    if (ends.size() > 2) return wrong("too many hyphens: " + shown);
    if (ends.size() == 2) {
      MECHA_TRY(end, read_value(ends[1], bounds));
    }
  }
  unsigned step = 1;
  if (parts.size() > 2) return wrong("too many slashes: " + shown);
  if (parts.size() == 2) {
    MECHA_TRY(step, read_number(parts[1]));
    if (ends.size() == 1) end = bounds.max;  // "5/10" is "5-max/10"
    if (step > 1) bits = 0;
  }
  if (start < bounds.min) {
    return wrong("beginning of range " + quoted_number(start) + " below minimum " + quoted_number(bounds.min) + ": " + shown);
  }
  if (end > bounds.max) {
    return wrong("end of range " + quoted_number(end) + " above maximum " + quoted_number(bounds.max) + ": " + shown);
  }
  if (start > end) {
    return wrong("beginning of range " + quoted_number(start) + " beyond end of range " + quoted_number(end) + ": " + shown);
  }
  if (step == 0) return wrong("step of range should be a positive number: " + shown);
  for (std::uint64_t i = start; i <= end; i += step) bits |= std::uint64_t{1} << i;
  return bits;
}

Result<std::uint64_t> read_field(std::string_view text, const Bounds& bounds) {
  std::uint64_t bits = 0;
  for (const auto part : text::split(text, ',')) {
    if (part.empty()) continue;
    MECHA_TRY(const std::uint64_t range, read_range(part, bounds));
    bits |= range;
  }
  return bits;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kBlanks = " \t\n\v\f\r";
  for (;;) {
    const auto start = text.find_first_not_of(kBlanks);
    if (start == std::string_view::npos) return words;
    text.remove_prefix(start);
    const auto end = text.find_first_of(kBlanks);
    words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return words;
    text.remove_prefix(end);
  }
}

bool has(std::uint64_t bits, unsigned value) { return (bits >> value & 1) != 0; }

// The first second at which local clocks show `local` or, if they leap over it, something later.
std::int64_t to_utc(const Zone& zone, std::int64_t local) {
  const std::int64_t before = zone.offset_at(local - 86'400);
  const std::int64_t behind = zone.offset_at(local + 86'400);
  if (zone.offset_at(local - before) == before) return local - before;
  if (zone.offset_at(local - behind) == behind) return local - behind;
  return local - before;
}

}  // namespace

Result<Schedule> Schedule::parse(std::string_view spec, Seconds seconds) {
  if (spec.empty()) return wrong("empty spec string");
  Schedule schedule;
  if (spec.starts_with("TZ=") || spec.starts_with("CRON_TZ=")) {
    const auto blank = spec.find(' ');
    const auto start = spec.find('=') + 1;
    const std::string name(spec.substr(start, blank == std::string_view::npos ? blank : blank - start));
    const auto zone = Zone::load(name);
    if (!zone || blank == std::string_view::npos) {
      return wrong("provided bad location " + name + ": unknown time zone " + name);
    }
    schedule.zone_ = *zone;
    spec = text::trim(spec.substr(blank));
  } else {
    schedule.zone_ = Zone::local();
  }
  if (spec.starts_with('@')) {
    MECHA_TRY_VOID(schedule.read_descriptor(spec));
  } else {
    MECHA_TRY_VOID(schedule.read_fields(spec, seconds));
  }
  return schedule;
}

Result<void> Schedule::read_fields(std::string_view spec, Seconds seconds) {
  auto words = words_of(spec);
  const std::size_t least = seconds == Seconds::optional ? 5 : 6;
  if (words.size() < least || words.size() > 6) {
    std::string shown = "[";
    for (const auto word : words) shown.append(shown.size() > 1 ? " " : "").append(word);
    const std::string expected = least == 5 ? "expected 5 to 6 fields" : "expected exactly 6 fields";
    return wrong(expected + ", found " + std::to_string(words.size()) + ": " + shown + "]");
  }
  if (words.size() == 5) words.insert(words.begin(), "0");
  MECHA_TRY(second_, read_field(words[0], kSecond));
  MECHA_TRY(minute_, read_field(words[1], kMinute));
  MECHA_TRY(hour_, read_field(words[2], kHour));
  MECHA_TRY(day_, read_field(words[3], kDay));
  MECHA_TRY(month_, read_field(words[4], kMonth));
  MECHA_TRY(weekday_, read_field(words[5], kWeekday));
  return {};
}

Result<void> Schedule::read_descriptor(std::string_view spec) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kNames{{
      {"@yearly", "0 0 0 1 1 *"},
      {"@annually", "0 0 0 1 1 *"},
      {"@monthly", "0 0 0 1 * *"},
      {"@weekly", "0 0 0 * * 0"},
      {"@daily", "0 0 0 * * *"},
      {"@midnight", "0 0 0 * * *"},
      {"@hourly", "0 0 * * * *"},
  }};
  for (const auto& [name, fields] : kNames) {
    if (name == spec) return read_fields(fields, Seconds::required);
  }
  constexpr std::string_view kEvery = "@every ";
  if (!spec.starts_with(kEvery)) return wrong("unrecognized descriptor: " + std::string(spec));
  const auto period = text::go_duration(spec.substr(kEvery.size()));
  if (!period) {
    return wrong(
        "failed to parse duration " + std::string(spec) + ": " + text::go_duration_error(spec.substr(kEvery.size()))
    );
  }
  // A period that does not move time would never end.
  period_ = period->count() > 0 ? *period : chrono::seconds(1);
  return {};
}

// Both restricted: either may match. Else both must, and the free one always does.
bool Schedule::day_matches(chrono::sys_days day) const {
  const bool by_date = has(day_, static_cast<unsigned>(chrono::year_month_day(day).day()));
  const bool by_weekday = has(weekday_, chrono::weekday(day).c_encoding());
  if ((day_ & kAny) != 0 || (weekday_ & kAny) != 0) return by_date && by_weekday;
  return by_date || by_weekday;
}

std::optional<Schedule::Time> Schedule::next(Time after) const {
  if (period_ != chrono::nanoseconds(0)) {
    if (after > Time::max() - chrono::duration_cast<Time::duration>(period_)) return std::nullopt;
    return after + chrono::duration_cast<Time::duration>(period_);
  }
  // A field such as "," allows nothing.
  if (second_ == 0 || minute_ == 0 || hour_ == 0) return std::nullopt;
  std::int64_t at = chrono::floor<chrono::seconds>(after).time_since_epoch().count() + 1;
  const auto local_of = [this](std::int64_t t) { return chrono::sys_seconds(chrono::seconds(t + zone_.offset_at(t))); };
  const auto last_year = chrono::year_month_day(chrono::floor<chrono::days>(local_of(at))).year() + chrono::years(5);
  // Each turn goes to the start of the next month, day, hour, minute or second that may match.
  for (;;) {
    const auto local = local_of(at);
    const auto day = chrono::floor<chrono::days>(local);
    const chrono::year_month_day date(day);
    if (date.year() > last_year) return std::nullopt;
    if (!has(month_, static_cast<unsigned>(date.month())) || !day_matches(day)) {
      const auto target = has(month_, static_cast<unsigned>(date.month()))
                              ? day + chrono::days(1)
                              : chrono::sys_days((date.year() / date.month() + chrono::months(1)) / 1);
      at = std::max(at + 1, to_utc(zone_, chrono::sys_seconds(target).time_since_epoch().count()));
      continue;
    }
    const chrono::hh_mm_ss clock(local - day);
    const auto minute = static_cast<unsigned>(clock.minutes().count());
    const auto second = static_cast<unsigned>(clock.seconds().count());
    if (!has(hour_, static_cast<unsigned>(clock.hours().count()))) {
      at += 3600 - minute * 60 - second;
    } else if (!has(minute_, minute)) {
      at += 60 - second;
    } else if (!has(second_, second)) {
      ++at;
    } else {
      return Time(chrono::seconds(at));
    }
  }
}

}  // namespace mecha::cron
