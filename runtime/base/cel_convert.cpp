// CEL: conversions between types, and parts of times.

#include <charconv>
#include <chrono>
#include <cmath>
#include <limits>

#include "runtime/base/cel_ast.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/zone.hpp"

namespace mecha::cel {
namespace {

namespace chrono = std::chrono;

std::unexpected<Error> wrong(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

// A text that does not say what it should; any other type has no such function.
std::unexpected<Error> no_conversion(const Value& value, std::string_view to) {
  if (!value.is_text()) {
    const std::string_view function = to.ends_with("Timestamp") ? "timestamp" : to.ends_with("Duration") ? "duration" : to;
    return wrong("no such overload: " + std::string(function) + "(" + std::string(type_name(value.type())) + ")");
  }
  return wrong("type conversion error from '" + std::string(type_name(value.type())) + "' to '" + std::string(to) + "'");
}

Result<Value> to_int(const Value& value) {
  if (value.get<std::int64_t>()) return value;
  if (const auto* number = value.get<std::uint64_t>()) {
    if (*number > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return wrong("integer overflow");
    return Value(static_cast<std::int64_t>(*number));
  }
  if (const auto* number = value.get<double>()) {
    if (!(*number > -0x1p63 && *number < 0x1p63)) return wrong("integer overflow");
    return Value(static_cast<std::int64_t>(*number));
  }
  if (const auto* time = value.get<Value::Timestamp>()) return Value(time->seconds);
  if (const auto* duration = value.get<Value::Duration>()) return Value(std::int64_t{duration->count()});
  if (value.is_text()) {
    if (const auto number = text::to_int(value.text())) return Value(*number);
  }
  return no_conversion(value, "int");
}

Result<Value> to_uint(const Value& value) {
  if (value.get<std::uint64_t>()) return value;
  if (const auto* number = value.get<std::int64_t>()) {
    if (*number < 0) return wrong("unsigned integer overflow");
    return Value(static_cast<std::uint64_t>(*number));
  }
  if (const auto* number = value.get<double>()) {
    if (!(*number >= 0 && *number < 0x1p64)) return wrong("unsigned integer overflow");
    return Value(static_cast<std::uint64_t>(*number));
  }
  if (value.is_text() && !value.text().starts_with('+')) {
    if (const auto number = text::to_uint(value.text())) return Value(*number);
  }
  return no_conversion(value, "uint");
}

Result<Value> to_double(const Value& value) {
  if (value.get<double>()) return value;
  if (const auto* number = value.get<std::int64_t>()) return Value(static_cast<double>(*number));
  if (const auto* number = value.get<std::uint64_t>()) return Value(static_cast<double>(*number));
  if (value.is_text()) {
    if (const auto number = text::to_double(value.text())) return Value(*number);
  }
  return no_conversion(value, "double");
}

Result<Value> to_string(const Value& value) {
  if (value.is_text()) return value;
  if (const Bytes* bytes = value.get<Bytes>()) {
    if (!text::is_utf8(bytes->data)) return wrong("invalid UTF-8 in bytes, cannot convert to string");
    return Value(bytes->data);
  }
  if (const auto* time = value.get<Value::Timestamp>()) return Value(text::format_instant(*time));
  if (const auto* duration = value.get<Value::Duration>()) {
    const double seconds = static_cast<double>(duration->count() / 1'000'000'000) +
                           static_cast<double>(duration->count() % 1'000'000'000) / 1e9;
    std::string out = json::format_double(seconds);
    if (out.contains('e')) {  // Go never uses an exponent here
      out = std::string(duration->count() < 0 ? "-" : "") + "0.000000";
      out.append(std::to_string(1000 + std::abs(duration->count())).substr(1));
      out.erase(out.find_last_not_of('0') + 1);
    }
    return Value(out + "s");
  }
  switch (value.type()) {
    case Type::boolean:
    case Type::integer:
    case Type::unsigned_integer:
    case Type::floating: return Value(to_text(value));
    default: return no_conversion(value, "string");
  }
}

Result<Value> to_bool(const Value& value) {
  if (value.get<bool>()) return value;
  if (value.is_text()) {
    if (const auto flag = text::strict_bool(value.text())) return Value(*flag);
  }
  return no_conversion(value, "bool");
}

Result<Value> to_timestamp(const Value& value) {
  if (value.get<Value::Timestamp>()) return value;
  constexpr std::int64_t kMin = -62135596800;
  constexpr std::int64_t kMax = 253402300799;
  Value::Timestamp time;
  if (const auto* seconds = value.get<std::int64_t>()) {
    time.seconds = *seconds;
  } else if (value.is_text()) {
    const auto parsed = text::parse_instant(value.text());
    if (!parsed) return no_conversion(value, "google.protobuf.Timestamp");
    time = *parsed;
  } else {
    return no_conversion(value, "google.protobuf.Timestamp");
  }
  if (time.seconds < kMin || time.seconds > kMax) return wrong("timestamp overflow");
  return Value(time);
}

Result<Value> to_duration(const Value& value) {
  if (value.get<Value::Duration>()) return value;
  if (const auto* nanos = value.get<std::int64_t>()) return Value(Value::Duration(*nanos));
  if (!value.is_text()) return no_conversion(value, "google.protobuf.Duration");
  const auto duration = text::go_duration(value.text());
  if (!duration) return no_conversion(value, "google.protobuf.Duration");
  return Value(*duration);
}

Result<Value> duration_part(Function function, chrono::nanoseconds duration) {
  switch (function) {
    case Function::hours: return Value(std::int64_t{chrono::duration_cast<chrono::hours>(duration).count()});
    case Function::minutes: return Value(std::int64_t{chrono::duration_cast<chrono::minutes>(duration).count()});
    case Function::seconds: return Value(std::int64_t{chrono::duration_cast<chrono::seconds>(duration).count()});
    case Function::milliseconds:
      return Value(std::int64_t{chrono::duration_cast<chrono::milliseconds>(duration).count()});
    default: return no_such_overload();
  }
}

// "", "UTC", "America/New_York", "-08:00", "08:00".
Result<std::int64_t> offset_of(std::string_view zone, std::int64_t seconds) {
  if (zone.empty()) return 0;
  if (const auto colon = zone.find(':'); colon != std::string_view::npos) {
    const auto hours = text::to_int(zone.substr(0, colon));
    const auto minutes = text::to_int(zone.substr(colon + 1));
    if (!hours || !minutes || std::abs(*hours) > 1000 || std::abs(*minutes) > 1000) {
      return wrong("invalid timezone: " + std::string(zone));
    }
    return *hours * 3600 + (zone.starts_with('-') ? -*minutes : *minutes) * 60;
  }
  const auto loaded = Zone::load(zone);
  if (!loaded) return wrong("unknown time zone " + std::string(zone));
  return loaded->offset_at(seconds);
}

}  // namespace

Result<Value> convert(Function function, const Value& value) {
  switch (function) {
    case Function::to_int: return to_int(value);
    case Function::to_uint: return to_uint(value);
    case Function::to_double: return to_double(value);
    case Function::to_string: return to_string(value);
    case Function::to_bool: return to_bool(value);
    case Function::to_bytes:
      if (value.get<Bytes>()) return value;
      if (value.is_text()) return Value(Bytes{std::string(value.text())});
      return no_conversion(value, "bytes");
    case Function::to_timestamp: return to_timestamp(value);
    case Function::to_duration: return to_duration(value);
    default: return no_such_overload();
  }
}

Result<Value> time_part(Function function, const Value& value, std::string_view zone) {
  if (const auto* duration = value.get<Value::Duration>()) return duration_part(function, *duration);
  const auto* time = value.get<Value::Timestamp>();
  if (time == nullptr) return no_such_overload();
  MECHA_TRY(const std::int64_t offset, offset_of(zone, time->seconds));
  const chrono::sys_seconds local{chrono::seconds(time->seconds + offset)};
  const auto day = chrono::floor<chrono::days>(local);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(local - day);
  const auto number = [](auto n) { return Value(static_cast<std::int64_t>(n)); };
  switch (function) {
    case Function::full_year: return number(static_cast<int>(date.year()));
    case Function::month: return number(static_cast<unsigned>(date.month()) - 1);
    case Function::date: return number(static_cast<unsigned>(date.day()));
    case Function::day_of_month: return number(static_cast<unsigned>(date.day()) - 1);
    case Function::day_of_week: return number(chrono::weekday(day).c_encoding());
    case Function::day_of_year: return number((day - chrono::sys_days(date.year() / chrono::January / 1)).count());
    case Function::hours: return number(clock.hours().count());
    case Function::minutes: return number(clock.minutes().count());
    case Function::seconds: return number(clock.seconds().count());
    case Function::milliseconds: return number(time->nanos / 1'000'000);
    default: return no_such_overload();
  }
}

}  // namespace mecha::cel
