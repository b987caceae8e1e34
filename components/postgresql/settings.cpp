#include "components/postgresql/settings.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <thread>

#include "runtime/base/text.hpp"

namespace mecha::postgresql {
namespace {

using std::chrono::milliseconds;

constexpr int kConnectionsMost = 10'000;

std::unexpected<Error> wrong(std::string text) { return fail(Code::invalid_argument, std::move(text)); }

Result<Exec> exec_of(std::string_view mode) {
  if (mode.empty() || mode == "cache_statement") return Exec::cached;
  if (mode == "cache_describe" || mode == "describe_exec" || mode == "exec") return Exec::unnamed;
  if (mode == "simple_protocol") return Exec::simple;
  return wrong("invalid queryExecMode metadata value: " + std::string(mode));
}

// A duration among the words; none keeps what stands there.
Result<void> take_duration(Words& words, std::string_view keyword, milliseconds& into) {
  const auto text = words.take(keyword);
  if (text.empty()) return {};
  const auto time = text::go_duration(text);
  if (!time || time->count() <= 0) return wrong("invalid connectionString: " + std::string(keyword) + " must be a duration above zero");
  into = std::chrono::ceil<milliseconds>(*time);
  return {};
}

Result<void> read_pool(Words& words, Options& options) {
  const auto most = words.take("pool_max_conns");
  if (!most.empty()) {
    const auto number = text::to_int(most);
    if (!number || *number < 1 || *number > kConnectionsMost) return wrong("invalid connectionString: pool_max_conns must be 1 or more");
    options.connections_max = static_cast<std::size_t>(*number);
  }
  MECHA_TRY_VOID(take_duration(words, "pool_max_conn_lifetime", options.lifetime_max));
  MECHA_TRY_VOID(take_duration(words, "pool_max_conn_idle_time", options.idle_max));
  MECHA_TRY_VOID(take_duration(words, "pool_health_check_period", options.check_period));
  // Connections are opened when they are needed, so that these two have nothing to say.
  (void)words.take("pool_min_conns");
  (void)words.take("pool_max_conn_lifetime_jitter");
  return {};
}

// libpq looks at these two only when it connects.
Result<void> check_places(const Words& words) {
  const auto port = words.get("port"), address = words.get("hostaddr");
  for (const auto one : text::split(port, ',')) {
    const auto number = text::to_int(text::trim(one));
    if (!one.empty() && (!number || *number < 1 || *number > 65535)) return wrong("invalid connectionString: port must be a number from 1 to 65535, got " + text::quote(one));
  }
  for (const auto one : text::split(address, ',')) {
    std::array<unsigned char, 16> binary{};
    const std::string text(one), address_alone = text.substr(0, text.find('%'));  // an address of IPv6 may name its interface
    const bool is_address = inet_pton(AF_INET, text.c_str(), binary.data()) == 1 || inet_pton(AF_INET6, address_alone.c_str(), binary.data()) == 1;
    if (!text.empty() && !is_address) return wrong("invalid connectionString: hostaddr must be an address in numbers, got " + text::quote(text));
  }
  return {};
}

void replace(Words& words, std::string_view keyword, const std::string& value) {
  if (!value.empty()) words.set(keyword, value);
}

}  // namespace

Result<Options> resolve(const ConnectionSettings& settings) {
  if (settings.azure) return wrong("useAzureAD is not in this build");
  if (settings.aws) return wrong("useAWSIAM is not in this build");
  Options options;
  MECHA_TRY(options.words, parse_conninfo(settings.connection.reveal()));
  replace(options.words, "host", settings.host);
  replace(options.words, "hostaddr", settings.address);
  replace(options.words, "port", settings.port);
  replace(options.words, "dbname", settings.database);
  replace(options.words, "user", settings.user);
  replace(options.words, "password", settings.password.reveal());
  replace(options.words, "sslrootcert", settings.root_certificate);
  if (options.words.begin() == options.words.end()) return wrong("missing connection string");
  MECHA_TRY_VOID(check_places(options.words));
  if (settings.timeout < std::chrono::seconds(1)) return wrong("invalid value for 'timeout': must be greater than 1s");
  options.timeout = settings.timeout;
  options.connections_max = std::max<std::size_t>(4, std::thread::hardware_concurrency());
  MECHA_TRY_VOID(read_pool(options.words, options));
  if (settings.connections_max > 1) options.connections_max = static_cast<std::size_t>(std::min(settings.connections_max, kConnectionsMost));
  if (settings.idle_max.count() > 0) options.idle_max = settings.idle_max;
  const auto mode = options.words.take("default_query_exec_mode");
  MECHA_TRY(options.exec, exec_of(settings.exec_mode.empty() ? mode : settings.exec_mode));
  // The reference's driver knows no Kerberos either, and trying it reads files at each connection.
  if (options.words.get("gssencmode").empty()) options.words.set("gssencmode", "disable");
  options.words.set("client_encoding", "UTF8");
  return options;
}

}  // namespace mecha::postgresql
