// Settings: the options after checking, typed; what is wrong is said in the contract's words (contract 06, 1.2).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/app/application.hpp"
#include "runtime/daemon/options.hpp"

namespace mecha {

struct Settings {
  std::uint16_t http_port = 0, grpc_port = 0, app_port = 0, profile_port = 0;
  std::optional<std::uint16_t> internal_port, public_port;
  std::string metrics_port;  // checked late, as the reference does
  std::vector<std::string> listen_addresses;  // never empty; "" is all interfaces
  Sizes sizes;
  AppProtocol protocol = AppProtocol::http;
  Application::Probe probe;
  bool ask_config = true, ask_subscribe = true;
  std::chrono::nanoseconds binding_options_timeout = std::chrono::seconds(3);
  std::vector<std::string> resources;
  std::chrono::nanoseconds grace = std::chrono::seconds(5);  // zero: without limit
  std::string api_token, app_token, name_space;
};

Result<Settings> check_settings(const Options& options, const Sizes& sizes);

}  // namespace mecha
