// Ports of TCP for programs that are started later, kept so that nobody else gets them meanwhile.

#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace mecha::cli {

// Keeps what it has given for as long as it lives. For one thread at a time.
class HeldPorts {
 public:
  HeldPorts() = default;
  HeldPorts(const HeldPorts&) = delete;
  HeldPorts& operator=(const HeldPorts&) = delete;
  ~HeldPorts();

  // `port`, or any if that is 0, for a program that sets SO_REUSEADDR before it binds, as a sidecar does: that one gets the port,
  // but the kernel gives it to nobody who asks for any, nor to a connection. Empty if somebody listens on it.
  std::optional<std::uint16_t> take(std::uint16_t port);

  // Any for a program that may not set it, so that no socket may hold the port: one that the kernel gives to nobody by itself, and
  // no other process that chooses like this. On a host whose kernel gives all of them away, only the latter. Empty if there is none.
  std::optional<std::uint16_t> take_for_application();
  // The same where the kernel gives away those from `given_away` on.
  std::optional<std::uint16_t> take_for_application(std::uint16_t given_away);

 private:
  bool keep(std::uint16_t port);
  std::optional<std::uint16_t> take_below(std::uint16_t end);

  std::vector<int> sockets_;
  std::set<std::uint16_t> ports_;
};

}  // namespace mecha::cli
