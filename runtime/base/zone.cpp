#include "runtime/base/zone.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "runtime/base/file.hpp"

namespace mecha {
namespace {

namespace chrono = std::chrono;

constexpr std::int64_t kDay = 86'400;
constexpr std::size_t kZoneMax = 1 << 20;

std::optional<Zone> load_file(const std::string& path) {
  const auto bytes = read_file(path, kZoneMax);
  return bytes ? Zone::parse(*bytes) : std::nullopt;
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The grammar of TZ, from the start of `text`; each take_ fails by returning false.
bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool take_number(std::string_view& text, std::int64_t& value) {
  int number = 0;
  if (text.empty() || !is_digit(text[0])) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > 1000) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  value = number;
  return true;
}

// "[+-]hh[:mm[:ss]]" in seconds.
bool take_time(std::string_view& text, std::int64_t& value) {
  const bool negative = take(text, '-');
  if (!negative) take(text, '+');
  std::int64_t part = 0;
  if (!take_number(text, part)) return false;
  value = part * 3600;
  for (const int unit : {60, 1}) {
    if (!take(text, ':')) break;
    if (!take_number(text, part)) return false;
    value += part * unit;
  }
  if (negative) value = -value;
  return true;
}

bool take_name(std::string_view& text) {
  if (take(text, '<')) {
    const auto end = text.find('>');
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
    return true;
  }
  const auto size = text.size();
  while (!text.empty() && ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z'))) {
    text.remove_prefix(1);
  }
  return text.size() + 3 <= size;
}

int year_of(std::int64_t seconds) {
  const auto day = chrono::floor<chrono::days>(chrono::sys_seconds(chrono::seconds(seconds)));
  return static_cast<int>(chrono::year_month_day(day).year());
}

std::int64_t start_of(int year) {
  return chrono::sys_seconds(chrono::sys_days(chrono::year(year) / chrono::January / 1)).time_since_epoch().count();
}

}  // namespace

// Reads the numbers of a TZif file; `ok` turns false for good when they end too early.
class ZoneReader {
 public:
  explicit ZoneReader(std::string_view bytes) : bytes_(bytes) {}

  std::string_view take(std::size_t size) {
    if (bytes_.size() < size) {
      ok = false;
      bytes_ = {};
      return {};
    }
    const auto part = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return part;
  }

  std::int64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<unsigned char>(c);
    return size == 4 ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value);
  }

  // One block of data; the first one of a newer file has short times and is passed over.
  bool block(Zone& zone, char& version) {
    if (take(4) != "TZif") return false;
    const auto version_byte = take(1);
    take(15);
    std::size_t counts[6] = {};
    for (auto& count : counts) {
      const std::int64_t value = number(4);
      if (value < 0 || value > 100'000) return false;
      count = static_cast<std::size_t>(value);
    }
    const auto [utc_flags, standard_flags, leaps, times, types, letters] = counts;
    const bool first = version == '\0';
    const std::size_t width = first ? 4 : 8;
    if (!ok || types == 0) return false;
    version = version_byte[0];
    const auto time_bytes = take(times * width);
    const auto index_bytes = take(times);
    const auto type_bytes = take(types * 6);
    take(letters + leaps * (width + 4) + standard_flags + utc_flags);
    if (!ok) return false;
    if (first && version >= '2') return true;
    ZoneReader time_reader(time_bytes);
    const auto offset = [&](std::size_t type) { return ZoneReader(type_bytes.substr(type * 6, 4)).number(4); };
    zone.first_offset_ = offset(0);
    for (std::size_t i = 0; i < times; ++i) {
      const auto type = static_cast<unsigned char>(index_bytes[i]);
      if (type >= types) return false;
      zone.transitions_.push_back({.at = time_reader.number(width), .offset = offset(type)});
    }
    return std::ranges::is_sorted(zone.transitions_, {}, &Zone::Transition::at);
  }

  std::string_view rest() const { return bytes_; }
  bool ok = true;

 private:
  std::string_view bytes_;
};

std::optional<Zone> Zone::parse(std::string_view bytes) {
  Zone zone;
  ZoneReader reader(bytes);
  char version = '\0';
  if (!reader.block(zone, version)) return std::nullopt;
  if (version < '2') return zone;
  if (!reader.block(zone, version)) return std::nullopt;
  auto footer = reader.rest();
  if (footer.starts_with('\n')) {
    footer.remove_prefix(1);
    zone.has_rules_ = zone.read_footer(footer.substr(0, footer.find('\n')));
  }
  return zone;
}

std::optional<Zone> Zone::load(std::string_view name) {
  if (name.empty() || name == "UTC") return Zone();
  if (name == "Local") return local();
  // The name becomes a path, and may come from anyone.
  if (name.starts_with('/') || name.contains("..") || name.contains('\\') || name.contains('\0')) return std::nullopt;
  return load_file("/usr/share/zoneinfo/" + std::string(name));
}

Zone Zone::local() {
  const char* const variable = std::getenv("TZ");
  if (variable == nullptr) return load_file("/etc/localtime").value_or(Zone());
  std::string_view name(variable);
  if (name.starts_with(':')) name.remove_prefix(1);
  if (name.starts_with('/')) return load_file(std::string(name)).value_or(Zone());
  return name == "Local" ? Zone() : load(name).value_or(Zone());
}

bool Zone::read_footer(std::string_view text) {
  const auto take_rule = [&text](Rule& rule) {
    std::int64_t a = 0;
    std::int64_t b = 0;
    std::int64_t c = 0;
    if (take(text, 'M')) {
      rule.kind = Rule::Kind::month;
      if (!take_number(text, a) || !take(text, '.') || !take_number(text, b) || !take(text, '.') ||
          !take_number(text, c) || a < 1 || a > 12 || b < 1 || b > 5 || c > 6) {
        return false;
      }
      rule.month = static_cast<int>(a);
      rule.week = static_cast<int>(b);
      rule.day = static_cast<int>(c);
    } else {
      rule.kind = take(text, 'J') ? Rule::Kind::julian : Rule::Kind::day;
      if (!take_number(text, a) || a > 365) return false;
      rule.day = static_cast<int>(a);
    }
    return !take(text, '/') || take_time(text, rule.time);
  };
  if (!take_name(text) || !take_time(text, winter_)) return false;
  winter_ = -winter_;  // TZ counts to the west
  if (text.empty()) return true;
  summer_ = winter_ + 3600;
  if (!take_name(text)) return false;
  if (!text.starts_with(',')) {
    if (!take_time(text, summer_)) return false;
    summer_ = -summer_;
  }
  has_summer_ = take(text, ',') && take_rule(start_) && take(text, ',') && take_rule(end_) && text.empty();
  return has_summer_;
}

std::int64_t Zone::Rule::in_year(int year) const {
  const chrono::year y(year);
  if (kind == Kind::day) return day * kDay + time;
  if (kind == Kind::julian) return (day - 1 + (y.is_leap() && day >= 60 ? 1 : 0)) * kDay + time;
  const chrono::month m(static_cast<unsigned>(month));
  const chrono::weekday w(static_cast<unsigned>(day));
  const auto date = week == 5 ? chrono::sys_days(y / m / w[chrono::last])
                              : chrono::sys_days(y / m / w[static_cast<unsigned>(week)]);
  return (date - chrono::sys_days(y / chrono::January / 1)).count() * kDay + time;
}

std::int64_t Zone::offset_by_rules(std::int64_t seconds) const {
  if (!has_summer_) return winter_;
  const int year = year_of(seconds + winter_);
  const std::int64_t start = start_of(year) + start_.in_year(year) - winter_;
  const std::int64_t end = start_of(year) + end_.in_year(year) - summer_;
  const bool summer = start < end ? seconds >= start && seconds < end : seconds >= start || seconds < end;
  return summer ? summer_ : winter_;
}

std::int64_t Zone::offset_at(std::int64_t seconds) const {
  // Further away than any calendar: no rule is meant for it.
  constexpr std::int64_t kFar = 1'000'000'000'000;
  if (seconds > kFar || seconds < -kFar) return 0;
  const auto next = std::ranges::upper_bound(transitions_, seconds, {}, &Transition::at);
  if (next == transitions_.end() && has_rules_) return offset_by_rules(seconds);
  return next == transitions_.begin() ? first_offset_ : std::prev(next)->offset;
}

}  // namespace mecha
