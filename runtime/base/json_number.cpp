// Numbers: from text and to text.

#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "runtime/base/check.hpp"
#include "runtime/base/json.hpp"

namespace mecha::json {
namespace {

// The shortest digits that read back, and where the decimal point is: 0.digits * 10^point.
struct Decimal {
  std::array<char, 24> digits{};
  int count = 0;
  int point = 0;
};

Decimal shortest(double value) {
  Decimal decimal;
  std::array<char, 40> buffer{};
  const auto [end, error] =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific);
  const char* at = buffer.data();
  for (; *at != 'e'; ++at) {
    if (*at != '.') decimal.digits[static_cast<std::size_t>(decimal.count++)] = *at;
  }
  int exponent = 0;
  at += at[1] == '+' ? 2 : 1;
  std::from_chars(at, end, exponent);
  decimal.point = exponent + 1;
  return decimal;
}

void append_plain(std::string& out, const Decimal& d) {
  const std::string_view digits(d.digits.data(), static_cast<std::size_t>(d.count));
  if (d.point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-d.point), '0').append(digits);
  } else if (d.point >= d.count) {
    out.append(digits).append(static_cast<std::size_t>(d.point - d.count), '0');
  } else {
    const auto whole = static_cast<std::size_t>(d.point);
    out.append(digits.substr(0, whole)).append(".").append(digits.substr(whole));
  }
}

void append_exponent(std::string& out, const Decimal& d, bool two_digits) {
  out.push_back(d.digits[0]);
  if (d.count > 1) out.append(".").append(d.digits.data() + 1, static_cast<std::size_t>(d.count - 1));
  const int exponent = d.point - 1;
  out.append(exponent < 0 ? "e-" : "e+");
  if (two_digits && std::abs(exponent) < 10) out.push_back('0');
  out.append(std::to_string(std::abs(exponent)));
}

std::string special(double value) {
  if (std::isnan(value)) return "NaN";
  return value < 0 ? "-Inf" : "+Inf";
}

}  // namespace

std::string format_double(double value) {
  if (!std::isfinite(value)) return special(value);
  constexpr double kExact = 9007199254740992.0;  // whole numbers below this are what they look like
  if (std::abs(value) < kExact && value == std::trunc(value)) {
    if (value == 0) return std::signbit(value) ? "-0" : "0";
    return std::to_string(static_cast<std::int64_t>(value));
  }
  std::string out;
  if (value < 0) out.push_back('-');
  const double size = std::abs(value);
  const Decimal decimal = shortest(size);
  if (size < 1e-6 || size >= 1e21) {
    // Go writes 1e-07 and then drops the zero, but leaves that of 1e+07 alone (which never comes to be).
    append_exponent(out, decimal, false);
  } else {
    append_plain(out, decimal);
  }
  return out;
}

std::string format_double_g(double value) {
  if (!std::isfinite(value)) return special(value);
  std::string out;
  if (std::signbit(value)) out.push_back('-');
  if (value == 0) return out + "0";
  const Decimal decimal = shortest(std::abs(value));
  const int exponent = decimal.point - 1;
  if (exponent < -4 || exponent >= 6) {
    append_exponent(out, decimal, true);
  } else {
    append_plain(out, decimal);
  }
  return out;
}

double Value::as_double() const {
  const std::string& text = number_text();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  // Too large is infinite, too small is zero: strtod says which.
  if (error == std::errc::result_out_of_range) return std::strtod(text.c_str(), nullptr);
  return value;
}

std::optional<std::int64_t> Value::as_int() const {
  const std::string& text = number_text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end == text.data() + text.size()) {
    if (error == std::errc()) return value;
    return std::nullopt;
  }
  const double number = as_double();  // "1e3" and "1.0" are whole, too
  if (number != std::trunc(number) || number < -0x1p63 || number >= 0x1p63) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

}  // namespace mecha::json
