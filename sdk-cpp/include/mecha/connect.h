// Where the sidecar is and how to reach it: explicit settings, or those that the environment gives.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "mecha/result.h"

namespace mecha {

class Api;

/// TLS towards the sidecar. Each member is PEM text, not a path.
struct TlsOptions {
  std::string roots;        ///< Authorities to trust; empty: those of the system.
  std::string certificate;  ///< Of this application, where the other side asks for one.
  std::string key;  ///< PEM; of `certificate`.
  std::string server_name;  ///< The name to check instead of the one in the address.
};

/// Settings of a client. What is empty comes from the environment, as the official SDKs read it.
struct ClientOptions {
  /// `host:port`, `http(s)://host[:port]`, `dns://authority/host:port`, `unix:path`,
  /// `unix:///path`, `unix-abstract:name`, with `?tls=true` where wanted. Empty:
  /// `DAPR_GRPC_ENDPOINT`, else 127.0.0.1 and `DAPR_GRPC_PORT`, else port 50001.
  std::string endpoint;
  /// Sent as `dapr-api-token` with each call. Empty optional: `DAPR_API_TOKEN`, where one line break
  /// at the end is left out; an empty string: none. `invalid_argument` when it is not printable
  /// ASCII.
  std::optional<std::string> api_token;
  /// Set: TLS, whatever the address says.
  std::optional<TlsOptions> tls;
  /// The limit of a call that names none; `CallOptions::no_timeout`: no limit.
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
  /// The longest message taken from the sidecar, in bytes.
  std::size_t message_size_max = std::size_t{16} << 20;
};

/// What the tool that started this application told it (contract 06, 1.6). Absent variables are
/// empty.
struct AppEnvironment {
  std::string app_id;                 ///< `APP_ID`
  std::optional<std::uint16_t> port;  ///< `APP_PORT`: where the sidecar looks for this application.
  std::string channel_address;        ///< `APP_CHANNEL_ADDRESS`
  std::string protocol;               ///< `APP_PROTOCOL`
  std::string app_token;              ///< `APP_API_TOKEN`: what the sidecar sends with its calls.
  std::string http_endpoint;          ///< `DAPR_HTTP_ENDPOINT`, or made from `DAPR_HTTP_PORT`.
};
/// Reads the environment at each call: any thread, as long as none changes the environment.
AppEnvironment app_environment();

/// The calls of a sidecar over gRPC. Threads: gRPC's own; calls come from any thread. See
/// BasicClient::connect.
Result<std::shared_ptr<Api>> connect(ClientOptions options = {});

}  // namespace mecha
