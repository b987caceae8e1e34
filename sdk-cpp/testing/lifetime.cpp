// Lifetimes of messages: durations as Go writes them, times of RFC 3339.

#include "testing/lifetime.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

namespace mecha::testing::detail {
namespace {

using std::chrono::nanoseconds;

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : +c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](unsigned char x, unsigned char y) {
    return lower(x) == lower(y);
  });
}

std::string value_of(const Metadata& metadata, std::string_view name) {
  for (const auto& [key, value] : metadata)
    if (same_name(key, name)) return value;
  return {};
}

// The nanoseconds of a unit at the front of a text, which it takes off; 0 for none.
double take_unit(std::string_view& text) {
  static constexpr std::pair<std::string_view, double> units[] = {
      {"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}
  };
  for (const auto& [unit, size] : units) {
    if (!text.starts_with(unit)) continue;
    text.remove_prefix(unit.size());
    return size;
  }
  return 0;
}

// As Go reads durations: "1h2m3.5s"; "0" alone needs no unit.
std::optional<nanoseconds> duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return nanoseconds(0);
  if (text.empty()) return std::nullopt;
  double sum = 0;
  while (!text.empty()) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || std::signbit(number)) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const double unit = take_unit(text);
    if (unit == 0) return std::nullopt;
    sum += number * unit;
  }
  constexpr double most = 9.2e18;
  if (sum > most) return std::nullopt;
  return nanoseconds(negative ? 0 : std::llround(sum));
}

}  // namespace

std::optional<nanoseconds> lifetime_of(const Metadata& metadata) {
  auto text = value_of(metadata, "ttl");
  if (text.empty()) text = value_of(metadata, "ttlInSeconds");
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && seconds > 0) {
    constexpr std::int64_t most = 9'000'000'000;
    return std::chrono::seconds(std::min(seconds, most));
  }
  return duration(text);
}

std::string time_text(Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

Time expires_at(const TopicEvent& event) {
  if (event.extensions.find("\"expiration\"") == std::string::npos) return Time::max();
  google::protobuf::Struct fields;
  if (!google::protobuf::util::JsonStringToMessage(event.extensions, &fields).ok())
    return Time::max();
  const auto found = fields.fields().find("expiration");
  if (found == fields.fields().end()) return Time::max();
  const auto& text = found->second.string_value();
  std::tm parts{};
  char zone = 0, sign = 0;
  int hours = 0, minutes = 0, size = 0;
  const int read = std::sscanf(
      text.c_str(), "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
      &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &size
  );
  if (read != 6) return Time::max();
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  auto rest = std::string_view(text).substr(static_cast<std::size_t>(size));
  if (rest.starts_with('.')) rest.remove_prefix(std::min(rest.find_first_of("Zz+-"), rest.size()));
  zone = rest.empty() ? '\0' : rest.front();
  if (zone != 'Z' && zone != 'z' &&
      std::sscanf(std::string(rest).c_str(), "%c%2d:%2d", &sign, &hours, &minutes) != 3)
    return Time::max();
  const auto offset = std::chrono::hours(hours) + std::chrono::minutes(minutes);
  const auto local = std::chrono::system_clock::from_time_t(timegm(&parts));
  return sign == '-' ? local + offset : local - offset;
}

}  // namespace mecha::testing::detail
