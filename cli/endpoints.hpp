// The servers that a component names in its metadata, in whatever form: host:port lists, URLs, words of a connection string.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/resources/specs.hpp"

namespace mecha::cli {

struct Endpoint {
  std::string host;
  std::uint16_t port = 0;
  bool tls = false;  // as far as the address says

  std::string text() const;
  bool operator==(const Endpoint&) const = default;
};

// What one value names; `port` where it has none. Empty if it is nothing of the kind.
std::vector<Endpoint> parse_endpoints(std::string_view value, std::uint16_t port);
// Of a component; backends inside the sidecar and on files have none. `hidden`: an address comes from a secret store.
std::vector<Endpoint> endpoints_of(const ComponentSpec& component, bool& hidden);

// Connects within the limit, and where the protocol has a cheap question asks it. Blocks.
struct Reached {
  bool connected = false;
  std::string trouble;          // why not, or what is odd about the answer
  std::string said;             // who answered, "Redis"; empty: only connected
  std::int64_t clock_ms = 0;    // the server's clock less ours; only where `knows_clock`
  bool knows_clock = false;
};
Reached reach(const Endpoint& endpoint, const std::string& type, int limit_ms);

}  // namespace mecha::cli
