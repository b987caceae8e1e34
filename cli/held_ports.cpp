#include "cli/held_ports.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <random>
#include <string>

#include "cli/proc.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

constexpr std::uint16_t kLowest = 10000, kEnd = 20000;  // of applications
constexpr int kTries = 1000;

struct Bound {
  int socket = -1;
  std::uint16_t port = 0;
};

// A socket that has the port, 0: any, and does not listen. None if somebody else listens there.
std::optional<Bound> bind_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return std::nullopt;
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket, generic, size) != 0 || ::getsockname(socket, generic, &size) != 0) {
    ::close(socket);
    return std::nullopt;
  }
  return Bound{socket, ntohs(address.sin_port)};
}

bool is_free(std::uint16_t port) {
  const auto bound = bind_to(port);
  if (!bound) return false;
  const bool listens = ::listen(bound->socket, 1) == 0;
  ::close(bound->socket);
  return listens;
}

// A name without a file, which goes with its socket; names are of one network, as ports are. Negative if another process has it.
int reserve(std::uint16_t port) {
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const auto name = "mecha-port-" + std::to_string(port);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0) return socket;
  ::close(socket);
  return -1;
}

// The first of those that the kernel gives to connections, and to who asks for any.
std::uint16_t first_given_away() {
  const auto range = text_of("/proc/sys/net/ipv4/ip_local_port_range");
  const auto first = text::to_int(text::trim(range.substr(0, range.find_first_of("\t "))));
  return static_cast<std::uint16_t>(std::clamp<std::int64_t>(first.value_or(0), 0, kEnd));
}

}  // namespace

HeldPorts::~HeldPorts() {
  for (const int socket : sockets_) ::close(socket);
}

std::optional<std::uint16_t> HeldPorts::take(std::uint16_t port) {
  if (port != 0 && !is_free(port)) return std::nullopt;
  while (const auto bound = bind_to(port)) {
    sockets_.push_back(bound->socket);
    if (ports_.insert(bound->port).second || port != 0) return bound->port;
  }
  return std::nullopt;
}

std::optional<std::uint16_t> HeldPorts::take_for_application() {
  return take_for_application(first_given_away());
}

std::optional<std::uint16_t> HeldPorts::take_for_application(std::uint16_t given_away) {
  if (const auto port = take_below(given_away)) return port;
  // The kernel gives all of them away: then a connection may take it before the application does.
  for (int i = 0; i < kTries; ++i) {
    const auto bound = bind_to(0);
    if (!bound) return std::nullopt;
    ::close(bound->socket);
    if (keep(bound->port)) return bound->port;
  }
  return std::nullopt;
}

// False if it is another's, or was given out already.
bool HeldPorts::keep(std::uint16_t port) {
  if (ports_.contains(port)) return false;
  const int name = reserve(port);
  if (name < 0) return false;
  sockets_.push_back(name);
  ports_.insert(port);
  return true;
}

std::optional<std::uint16_t> HeldPorts::take_below(std::uint16_t end) {
  if (end <= kLowest) return std::nullopt;
  std::random_device random;
  std::uniform_int_distribution<int> any(kLowest, end - 1);
  for (int i = 0; i < kTries; ++i) {
    const auto port = static_cast<std::uint16_t>(any(random));
    if (!ports_.contains(port) && is_free(port) && keep(port)) return port;
  }
  return std::nullopt;
}

}  // namespace mecha::cli
