#include "components/mysql/dsn.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/text.hpp"

namespace mecha::mysql {
namespace {

using std::chrono::milliseconds;

// Say how the reference's client works inside, or what this one does anyway.
constexpr std::array<std::string_view, 9> kMeaningless{
    "allowNativePasswords", "checkConnLiveness", "columnsWithAlias", "interpolateParams", "loc",
    "maxAllowedPacket",     "parseTime",         "timeTruncate",     "multiStatements"};
constexpr std::array<std::string_view, 10> kNotBuilt{
    "allowAllFiles",        "allowCleartextPasswords", "allowFallbackToPlaintext", "allowOldPasswords", "clientFoundRows",
    "connectionAttributes", "collation",               "compress",                 "rejectReadOnly",    "serverPubKey"};

std::unexpected<Error> invalid(std::string_view why) {
  return fail(Code::invalid_argument, "invalid DSN: " + std::string(why));
}

Result<void> set_address(Dsn& dsn, std::string_view text) {
  if (text.empty()) return {};
  const auto open = text.find('(');
  const auto protocol = text.substr(0, open);
  if (protocol != "tcp" && protocol != "unix") return invalid("the network is tcp or unix");
  if (open == std::string_view::npos) return {};
  if (!text.ends_with(')')) return invalid("the address has no closing bracket");
  auto address = text.substr(open + 1, text.size() - open - 2);
  if (protocol == "unix") {
    dsn.unix_path = address;
    return {};
  }
  if (const auto colon = address.rfind(':'); colon != std::string_view::npos && !address.ends_with(']')) {
    const auto port = text::to_int(address.substr(colon + 1));
    if (!port || *port < 1 || *port > 65535) return invalid("the address has no valid port");
    dsn.port = static_cast<std::uint16_t>(*port);
    address = address.substr(0, colon);
  }
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  if (!address.empty()) dsn.host = address;
  return {};
}

Result<void> set_tls(Dsn& dsn, std::string_view value) {
  if (value == "false" || value == "0") dsn.tls = Tls::off;
  else if (value == "true" || value == "1") dsn.tls = Tls::verified;
  else if (value == "skip-verify") dsn.tls = Tls::unverified;
  else if (value == "custom") dsn.tls = Tls::custom;
  else return invalid("tls is true, false, skip-verify or custom");
  return {};
}

Result<void> set_limit(milliseconds& limit, std::string_view name, std::string_view value) {
  const auto time = text::go_duration(value);
  if (!time || *time < std::chrono::nanoseconds(0)) return invalid(std::string(name) + " is a duration, such as 5s");
  limit = std::chrono::ceil<std::chrono::seconds>(*time);  // the client library counts seconds
  return {};
}

Result<void> set_parameter(Dsn& dsn, std::string_view name, std::string_view value) {
  if (std::ranges::find(kMeaningless, name) != kMeaningless.end()) return {};
  if (std::ranges::find(kNotBuilt, name) != kNotBuilt.end()) return invalid(std::string(name) + " is not built");
  if (name == "tls") return set_tls(dsn, value);
  if (name == "timeout") return set_limit(dsn.connect_timeout, name, value);
  if (name == "readTimeout") return set_limit(dsn.read_timeout, name, value);
  if (name == "writeTimeout") return set_limit(dsn.write_timeout, name, value);
  if (name == "charset") {
    if (value != "utf8mb4" && value != "utf8") return invalid("charset is utf8mb4 or utf8");
    dsn.charset = value;
    return {};
  }
  MECHA_TRY_VOID(check_identifier("variable name", name));
  auto plain = text::unescape_query(value);
  if (!plain || plain->contains(';')) return invalid("the value of " + std::string(name) + " is not valid");
  dsn.variables.emplace_back(name, *std::move(plain));
  return {};
}

}  // namespace

Result<void> check_identifier(std::string_view what, std::string_view name) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; };
  if (!name.empty() && std::ranges::all_of(name, fits)) return {};
  return fail(Code::invalid_argument, std::string(what) + " '" + std::string(name) + "' is not valid");
}

Result<Dsn> parse_dsn(std::string_view text) {
  const auto query = std::min(text.find('?'), text.size());
  const auto slash = text.substr(0, query).rfind('/');
  if (slash == std::string_view::npos) return invalid("missing the slash separating the database name");
  Dsn dsn;
  auto place = text.substr(0, slash);
  if (const auto at = place.rfind('@'); at != std::string_view::npos) {
    const auto login = place.substr(0, at);
    const auto colon = std::min(login.find(':'), login.size());
    dsn.user = login.substr(0, colon);
    dsn.password = login.substr(std::min(colon + 1, login.size()));
    place = place.substr(at + 1);
  }
  MECHA_TRY_VOID(set_address(dsn, place));
  dsn.database = text.substr(slash + 1, query - slash - 1);
  if (query == text.size()) return dsn;
  for (const auto pair : text::split(text.substr(query + 1), '&')) {
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    MECHA_TRY_VOID(set_parameter(dsn, pair.substr(0, equals), pair.substr(equals + 1)));
  }
  return dsn;
}

}  // namespace mecha::mysql
