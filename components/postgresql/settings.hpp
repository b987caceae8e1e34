// The settings that all components on PostgreSQL share (contract 02, section 2.5), and what the driver makes of them.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "components/postgresql/conninfo.hpp"
#include "runtime/base/secret.hpp"
#include "runtime/resources/fields.hpp"

namespace mecha::postgresql {

struct ConnectionSettings {
  Secret connection;
  std::string host, address, port, database, user;
  Secret password;
  std::string root_certificate;
  std::chrono::milliseconds timeout = std::chrono::seconds(20);
  int connections_max = 0;
  std::chrono::milliseconds idle_max{0};
  std::string exec_mode;
  bool azure = false, aws = false;

  static constexpr auto fields() {
    using S = ConnectionSettings;
    return std::tuple{
        field("connectionString", &S::connection, "Words host=.. user=.. or a postgres:// URL.").aliases("url"),
        field("host", &S::host, "Name of the server; this and the next six replace a part of connectionString."),
        field("hostaddr", &S::address, "Address of the server, which is not looked up then."),
        field("port", &S::port, "Port of the server."),
        field("database", &S::database, "Database."),
        field("user", &S::user, "User."),
        field("password", &S::password, "Password."),
        field("sslRootCert", &S::root_certificate, "File of authorities for TLS."),
        field("timeout", &S::timeout, "Limit on one operation, connecting included; 1s or more.").aliases("timeoutInSeconds"),
        field("maxConns", &S::connections_max, "Connections at most, if above 1; else 4, or the number of processors if that is more."),
        field("connectionMaxIdleTime", &S::idle_max, "An unused connection is closed after this; 0 is 30m.").aliases("connMaxIdleTime"),
        field("queryExecMode", &S::exec_mode, "cache_statement (the default), cache_describe, describe_exec, exec or simple_protocol."),
        field("useAzureAD", &S::azure, "Not in this build."),
        field("useAWSIAM", &S::aws, "Not in this build."),
    };
  }
};

// How statements run: prepared once for each connection, without a name, or as one text with the values in it.
enum class Exec : std::uint8_t { cached, unnamed, simple };

struct Options {
  Words words;  // of libpq only
  std::chrono::milliseconds timeout{20'000};
  std::size_t connections_max = 4;
  std::chrono::milliseconds idle_max = std::chrono::minutes(30);
  std::chrono::milliseconds lifetime_max = std::chrono::hours(1);
  std::chrono::milliseconds check_period = std::chrono::minutes(1);  // of both
  Exec exec = Exec::cached;
};

Result<Options> resolve(const ConnectionSettings& settings);

}  // namespace mecha::postgresql
