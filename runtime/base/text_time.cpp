// Durations as Go writes them, and RFC 3339.

#include <array>
#include <cstdio>
#include <limits>

#include "runtime/base/text.hpp"

namespace mecha::text {
namespace {

using std::chrono::nanoseconds;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes the unit at the start of `s`, in nanoseconds; 0 if there is none.
std::uint64_t take_unit(std::string_view& s) {
  std::size_t end = 0;
  while (end < s.size() && s[end] != '.' && !is_digit(s[end])) ++end;
  const std::string_view name = s.substr(0, end);
  s.remove_prefix(end);
  if (name == "ns") return 1;
  if (name == "us" || name == "\u00b5s" || name == "\u03bcs") return 1'000;
  if (name == "ms") return 1'000'000;
  if (name == "s") return 1'000'000'000;
  if (name == "m") return 60'000'000'000;
  if (name == "h") return 3'600'000'000'000;
  return 0;
}

constexpr std::uint64_t kLimit = std::uint64_t{1} << 63;

// One "12.5ms" at the start of `s`, in nanoseconds.
std::optional<std::uint64_t> take_part(std::string_view& s) {
  std::uint64_t whole = 0;
  bool any = false;
  for (; !s.empty() && is_digit(s[0]); s.remove_prefix(1), any = true) {
    if (whole > kLimit / 10) return std::nullopt;
    whole = whole * 10 + static_cast<unsigned>(s[0] - '0');
    if (whole > kLimit) return std::nullopt;
  }
  std::uint64_t fraction = 0;
  double scale = 1;
  if (s.starts_with('.')) {
    s.remove_prefix(1);
    // Digits beyond what 63 bits hold are dropped.
    bool full = false;
    for (; !s.empty() && is_digit(s[0]); s.remove_prefix(1), any = true) {
      if (full || fraction > (kLimit - 1) / 10) {
        full = true;
        continue;
      }
      const std::uint64_t next = fraction * 10 + static_cast<unsigned>(s[0] - '0');
      if (next > kLimit) {
        full = true;
        continue;
      }
      fraction = next;
      scale *= 10;
    }
  }
  if (!any) return std::nullopt;
  const std::uint64_t unit = take_unit(s);
  if (unit == 0 || whole > kLimit / unit) return std::nullopt;
  std::uint64_t value = whole * unit;
  if (fraction > 0) {
    value += static_cast<std::uint64_t>(static_cast<double>(fraction) * (static_cast<double>(unit) / scale));
    if (value > kLimit) return std::nullopt;
  }
  return value;
}

// "1.5" of value 1500000000 and unit 1000000000: the fraction without its trailing zeros.
void append_fraction(std::string& out, std::uint64_t value, std::uint64_t unit) {
  out.append(std::to_string(value / unit));
  std::uint64_t rest = value % unit;
  if (rest == 0) return;
  std::string digits = std::to_string(rest + unit).substr(1);
  digits.erase(digits.find_last_not_of('0') + 1);
  out.append(".").append(digits);
}

std::string calendar(std::chrono::sys_seconds seconds) {
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(seconds - day);
  std::array<char, 48> buffer{};
  const int size = std::snprintf(
      buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count())
  );
  return {buffer.data(), static_cast<std::size_t>(size)};
}

// Takes exactly `digits` digits with a value of at most `most`; -1 on anything else.
int take_number(std::string_view& s, std::size_t digits, int most) {
  if (s.size() < digits) return -1;
  int value = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    if (!is_digit(s[i])) return -1;
    value = value * 10 + (s[i] - '0');
  }
  s.remove_prefix(digits);
  return value <= most ? value : -1;
}

bool take(std::string_view& s, char c) {
  if (!s.starts_with(c)) return false;
  s.remove_prefix(1);
  return true;
}

// Takes ".123" if there; false if it is malformed.
bool take_nanos(std::string_view& s, std::int32_t& nanos) {
  nanos = 0;
  if (!s.starts_with('.') && !s.starts_with(',')) return true;
  s.remove_prefix(1);
  std::int32_t unit = 100'000'000;
  bool any = false;
  for (; !s.empty() && is_digit(s[0]); s.remove_prefix(1), unit /= 10, any = true) nanos += (s[0] - '0') * unit;
  return any;
}

// Takes "Z" or "+01:00", the distance from UTC in seconds.
std::optional<std::int64_t> take_zone(std::string_view& s) {
  if (take(s, 'Z')) return 0;
  const bool west = s.starts_with('-');
  if (!west && !s.starts_with('+')) return std::nullopt;
  s.remove_prefix(1);
  const int hours = take_number(s, 2, 24);
  if (hours < 0 || !take(s, ':')) return std::nullopt;
  const int minutes = take_number(s, 2, 60);
  if (minutes < 0) return std::nullopt;
  const std::int64_t offset = hours * 3600 + minutes * 60;
  return west ? -offset : offset;
}

}  // namespace

std::optional<nanoseconds> go_duration(std::string_view s) {
  const bool negative = s.starts_with('-');
  if (negative || s.starts_with('+')) s.remove_prefix(1);
  if (s == "0") return nanoseconds(0);
  if (s.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!s.empty()) {
    const auto part = take_part(s);
    if (!part) return std::nullopt;
    total += *part;
    if (total > kLimit) return std::nullopt;
  }
  if (negative) return nanoseconds(static_cast<std::int64_t>(-total));
  if (total > kLimit - 1) return std::nullopt;
  return nanoseconds(static_cast<std::int64_t>(total));
}

std::string go_duration_error(std::string_view s) {
  const std::string shown = quote(s);
  if (s.starts_with('-') || s.starts_with('+')) s.remove_prefix(1);
  const auto is_number = [](char c) { return is_digit(c) || c == '.'; };
  while (!s.empty()) {
    std::string_view rest = s;
    if (take_part(rest)) {
      s = rest;
      continue;
    }
    // The part that fails: a number of one dot at most, and a unit.
    std::size_t end = 0;
    std::size_t dots = 0;
    while (end < s.size() && is_number(s[end]) && (s[end] != '.' || ++dots == 1)) ++end;
    if (end == dots) break;  // no digit
    const std::string_view behind = s.substr(end);
    std::size_t unit = 0;
    while (unit < behind.size() && !is_number(behind[unit])) ++unit;
    if (unit == 0) return "time: missing unit in duration " + shown;
    std::string_view known = behind.substr(0, unit);
    if (take_unit(known) == 0) return "time: unknown unit " + quote(behind.substr(0, unit)) + " in duration " + shown;
    break;
  }
  return "time: invalid duration " + shown;
}

std::string format_go_duration(nanoseconds d) {
  const auto count = d.count();
  if (count == 0) return "0s";
  auto value = static_cast<std::uint64_t>(count);
  std::string out;
  if (count < 0) {
    value = -value;
    out = "-";
  }
  if (value < 1'000) {
    out.append(std::to_string(value)).append("ns");
  } else if (value < 1'000'000) {
    append_fraction(out, value, 1'000);
    out.append("\u00b5s");
  } else if (value < 1'000'000'000) {
    append_fraction(out, value, 1'000'000);
    out.append("ms");
  } else {
    constexpr std::uint64_t kMinute = 60'000'000'000;
    const std::uint64_t minutes = value / kMinute;
    if (minutes >= 60) out.append(std::to_string(minutes / 60)).append("h");
    if (minutes > 0) out.append(std::to_string(minutes % 60)).append("m");
    append_fraction(out, value % kMinute, 1'000'000'000);
    out.append("s");
  }
  return out;
}

std::optional<nanoseconds> duration_or(std::string_view s, nanoseconds unit) {
  if (const auto duration = go_duration(s)) return duration;
  const auto count = to_int(s);
  std::int64_t value = 0;
  if (!count || __builtin_mul_overflow(*count, static_cast<std::int64_t>(unit.count()), &value)) return std::nullopt;
  return nanoseconds(value);
}

std::string rfc3339(std::chrono::system_clock::time_point t) {
  return calendar(std::chrono::floor<std::chrono::seconds>(t)) + "Z";
}

std::string rfc3339_nano(std::chrono::system_clock::time_point t) {
  const auto since = std::chrono::floor<nanoseconds>(t).time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  return format_instant({.seconds = seconds.count(), .nanos = static_cast<std::int32_t>((since - seconds).count())});
}

std::string format_instant(Instant t) {
  std::string out = calendar(std::chrono::sys_seconds(std::chrono::seconds(t.seconds)));
  if (t.nanos != 0) {
    std::string digits = std::to_string(1'000'000'000 + t.nanos).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    out.append(".").append(digits);
  }
  return out + "Z";
}

std::optional<Instant> parse_instant(std::string_view s) {
  namespace chrono = std::chrono;
  const int year = take_number(s, 4, 9999);
  if (year < 0 || !take(s, '-')) return std::nullopt;
  const int month = take_number(s, 2, 12);
  if (month < 1 || !take(s, '-')) return std::nullopt;
  const int day = take_number(s, 2, 31);
  if (day < 1 || !take(s, 'T')) return std::nullopt;
  const int hour = take_number(s, 2, 23);
  if (hour < 0 || !take(s, ':')) return std::nullopt;
  const int minute = take_number(s, 2, 59);
  if (minute < 0 || !take(s, ':')) return std::nullopt;
  const int second = take_number(s, 2, 59);
  std::int32_t nanos = 0;
  if (second < 0 || !take_nanos(s, nanos)) return std::nullopt;
  const auto zone = take_zone(s);
  const chrono::year_month_day date(
      chrono::year(year), chrono::month(static_cast<unsigned>(month)), chrono::day(static_cast<unsigned>(day))
  );
  if (!zone || !s.empty() || !date.ok()) return std::nullopt;
  const auto days = chrono::sys_days(date).time_since_epoch();
  const auto local = chrono::seconds(days).count() + hour * 3600 + minute * 60 + second;
  return Instant{.seconds = local - *zone, .nanos = nanos};
}

std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view s) {
  using Clock = std::chrono::system_clock;
  const auto instant = parse_instant(s);
  if (!instant) return std::nullopt;
  // The clock ends in 1677 and 2262: what lies beyond is its end.
  std::int64_t total = 0;
  if (__builtin_mul_overflow(instant->seconds, std::int64_t{1'000'000'000}, &total) ||
      __builtin_add_overflow(total, std::int64_t{instant->nanos}, &total)) {
    return instant->seconds < 0 ? Clock::time_point::min() : Clock::time_point::max();
  }
  return Clock::time_point(std::chrono::duration_cast<Clock::duration>(nanoseconds(total)));
}

}  // namespace mecha::text
