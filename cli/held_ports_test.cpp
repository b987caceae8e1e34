#include "cli/held_ports.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>

#include "tests/catch.hpp"

using namespace mecha::cli;

namespace {

// A socket bound to the port on all addresses; the error, 0 for none.
class Socket {
 public:
  Socket(std::uint16_t port, bool reuse) : descriptor_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = reuse ? 1 : 0;
    ::setsockopt(descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (::bind(descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) error_ = errno;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { ::close(descriptor_); }

  bool listen() const { return ::listen(descriptor_, 1) == 0; }
  int error() const { return error_; }

 private:
  int descriptor_, error_ = 0;
};

}  // namespace

TEST_CASE("a port that is held is for who says that it may be shared, and for nobody else", "[cli]") {
  HeldPorts held, other;
  const auto port = held.take(0);
  REQUIRE(port);
  CHECK(Socket(*port, false).error() == EADDRINUSE);
  {
    const Socket sidecar(*port, true);
    CHECK(sidecar.error() == 0);
    CHECK(sidecar.listen());
    CHECK_FALSE(other.take(*port));  // as somebody listens there
  }
  CHECK(other.take(*port) == port);
  CHECK(Socket(*port, false).error() == EADDRINUSE);
}

TEST_CASE("a port of an application has a name that other processes cannot take, on whichever host", "[cli]") {
  HeldPorts held;
  for (const std::uint16_t given_away : {0, 10000, 20000}) {
    const auto port = held.take_for_application(given_away);
    REQUIRE(port);
    const auto name = "mecha-port-" + std::to_string(*port);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, address.sun_path + 1);
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size()));
    CHECK(bound != 0);
    CHECK(errno == EADDRINUSE);
    ::close(socket);
  }
}

TEST_CASE("ports of applications are not given away a second time, by whichever process", "[cli]") {
  HeldPorts one, other;
  std::set<std::uint16_t> all;
  for (int i = 0; i < 40; ++i) {
    for (auto* from : {&one, &other}) {
      const auto port = from->take_for_application();
      REQUIRE(port);
      CHECK(all.insert(*port).second);
    }
  }
}
