// Listener: sockets that are bound early and served later.

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/system/error_code.hpp>

#include "runtime/net/server.hpp"
#include "runtime/net/system_text.hpp"

namespace mecha::net {
namespace {

constexpr int kBacklog = 4096;

std::unexpected<Error> refused(std::string_view network, std::string_view name, const char* call) {
  const boost::system::error_code error(errno, boost::system::system_category());
  auto text = std::string("listen ").append(network).append(" ").append(name);
  return fail(Code::unavailable, text + ": " + call + ": " + system_text(error));
}

std::uint16_t port_of(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);
  }
  return 0;
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  int family = AF_UNSPEC;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// Numbers and "localhost" only: a listener does not look names up. Family AF_UNSPEC: it is neither.
Address address_of(std::string host, std::uint16_t port) {
  Address address;
  if (host == "localhost") host = "127.0.0.1";
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof *v4;
    address.family = AF_INET;
  } else if (::inet_pton(AF_INET6, host.empty() ? "::" : host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof *v6;
    address.family = AF_INET6;
  }
  return address;
}

// True if a socket file is there that nobody serves.
bool is_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return false;
  const int result = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool stale = result != 0 && errno == ECONNREFUSED;
  ::close(probe);
  return stale;
}

}  // namespace

Result<Listener> Listener::tcp(const std::string& host, std::uint16_t port) {
  const auto name = (host.find(':') != std::string::npos && host.front() != '[' ? "[" + host + "]" : host) +
                    ":" + std::to_string(port);
  auto address = address_of(host, port);
  if (address.family == AF_UNSPEC) {
    return fail(Code::invalid_argument, "listen tcp: lookup " + host + ": no such host");
  }
  Listener listener;
  listener.descriptor_ = ::socket(address.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener.descriptor_ < 0 && host.empty()) {  // a kernel without IPv6
    address = address_of("0.0.0.0", port);
    listener.descriptor_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  }
  if (listener.descriptor_ < 0) return refused("tcp", name, "socket");
  const int on = 1, only_v6 = host.empty() || host == "[::]" || host == "::" ? 0 : 1;
  ::setsockopt(listener.descriptor_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.family == AF_INET6) {
    ::setsockopt(listener.descriptor_, IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof only_v6);
  }
  if (::bind(listener.descriptor_, address.get(), address.size) != 0) {
    return refused("tcp", name, "bind");
  }
  if (::listen(listener.descriptor_, kBacklog) != 0) return refused("tcp", name, "listen");
  listener.port_ = port_of(listener.descriptor_);
  return listener;
}

Result<Listener> Listener::unix_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Code::invalid_argument, "listen unix " + path + ": the path is too long or empty");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  Listener listener;
  listener.descriptor_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener.descriptor_ < 0) return refused("unix", path, "socket");
  if (is_stale(path, address)) ::unlink(path.c_str());
  if (::bind(listener.descriptor_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return refused("unix", path, "bind");
  }
  listener.path_ = path;
  if (::listen(listener.descriptor_, kBacklog) != 0) return refused("unix", path, "listen");
  return listener;
}

Result<Listener> Listener::adopt(int descriptor) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || !listening) {
    return fail(
        Code::invalid_argument,
        "descriptor " + std::to_string(descriptor) + " is no listening socket"
    );
  }
  Listener listener;
  listener.descriptor_ = descriptor;
  listener.port_ = port_of(descriptor);
  return listener;
}

Listener::Listener(Listener&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      port_(other.port_),
      path_(std::exchange(other.path_, {})) {}

Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(port_, other.port_);
  std::swap(path_, other.path_);
  return *this;
}

Listener::~Listener() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!path_.empty()) ::unlink(path_.c_str());
}

int Listener::release() {
  path_.clear();
  return std::exchange(descriptor_, -1);
}

}  // namespace mecha::net
