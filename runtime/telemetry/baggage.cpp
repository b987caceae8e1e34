#include "runtime/telemetry/baggage.hpp"

#include <algorithm>
#include <set>
#include <string>

#include "runtime/base/text.hpp"

namespace mecha::telemetry {

namespace {

constexpr std::size_t kMembersMax = 180;
constexpr std::size_t kMemberBytesMax = 4096;
constexpr std::size_t kHeaderBytesMax = 8192;

bool is_value(std::string_view value) {
  return std::ranges::all_of(value, [](char c) {
    return c >= 0x21 && c <= 0x7e && c != '"' && c != ',' && c != ';' && c != '\\';
  });
}

std::unexpected<Error> bad(std::string message) {
  return fail(Code::invalid_argument, std::move(message));
}

Result<void> check_escapes(std::string_view value, const char* what) {
  if (text::unescape_path(value)) return {};
  const auto at = value.find('%');
  return bad(std::string(what) + ": invalid URL escape " + text::quote(value.substr(at, 3)));
}

Result<void> check_property(std::string_view property) {
  if (property.empty()) return {};
  const auto equals = property.find('=');
  const auto key = text::trim(property.substr(0, equals));
  const auto value = equals == std::string_view::npos ? std::string_view{}
                                                      : text::trim(property.substr(equals + 1));
  if (!text::is_token(key) || !is_value(value)) {
    return bad("invalid baggage list-member property: " + text::quote(property));
  }
  return check_escapes(value, "invalid baggage list-member property");
}

// Gives the key.
Result<std::string_view> check_member(std::string_view member) {
  if (member.size() > kMemberBytesMax)
    return bad("list-member too large: " + std::to_string(member.size()));
  const auto parts = text::split(member, ';');
  for (std::size_t i = 1; i < parts.size(); ++i) MECHA_TRY_VOID(check_property(parts[i]));
  const auto equals = parts[0].find('=');
  if (equals == std::string_view::npos)
    return bad("invalid baggage list-member: missing delimiter \"=\"");
  const auto key = text::trim(parts[0].substr(0, equals));
  if (!text::is_token(key)) return bad("invalid key: " + text::quote(key));
  const auto raw = parts[0].substr(equals + 1);
  const auto value = text::trim(raw);
  if (!is_value(value)) return bad("invalid value: " + text::quote(raw));
  MECHA_TRY_VOID(check_escapes(value, "invalid value"));
  return key;
}

}  // namespace

std::string joined_baggage(const std::vector<std::string_view>& values) {
  std::string joined;
  for (const auto value : values) joined.append(joined.empty() ? "" : ",").append(value);
  return joined;
}

Result<void> check_baggage(std::string_view header) {
  if (header.empty()) return {};
  if (header.size() > kHeaderBytesMax)
    return bad("baggage-string too large: " + std::to_string(header.size()));
  std::set<std::string_view> keys;
  for (const auto member : text::split(header, ',')) {
    MECHA_TRY(const auto key, check_member(member));
    keys.insert(key);
  }
  if (keys.size() > kMembersMax)
    return bad("too many list-members in baggage-string: " + std::to_string(keys.size()));
  return {};
}

}  // namespace mecha::telemetry
