// The configuration of the resolver consul (contract 06, section 6.4).

#pragma once

#include <string>

#include "components/nameresolution/resolver.hpp"
#include "runtime/net/tls.hpp"

namespace mecha::nameresolution {

struct ConsulSettings {
  std::string base = "http://127.0.0.1:8500";  // scheme and address
  std::string authorization;                   // of httpAuth; empty: none
  Secret token;
  std::string token_file;                      // read at start
  std::string ca_file, certificate_file, key_file, server_name;
  bool verify = true;
  std::string query;         // of a look-up, without the mark: "passing=1&cached="
  std::string register_query;  // "dc=x", or empty
  bool registers = false, deregisters = false, keeps_answers = false;
  std::string port_key = "DAPR_PORT";
  json::Object registration;  // what is registered
  std::string id;             // of the registration
};

// Names what it cannot take: a key that is not known is an error, not a silence.
Result<ConsulSettings> read_consul_settings(const json::Value& configuration, const Self& self);

}  // namespace mecha::nameresolution
