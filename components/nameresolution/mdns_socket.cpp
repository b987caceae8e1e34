#include "components/nameresolution/mdns_socket.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mecha::nameresolution {
namespace {

constexpr std::size_t kInterfacesMax = 64;
constexpr int kTtl = 255;  // RFC 6762, section 11

// Indices of the interfaces that are up, take multicast and have an address of the family.
std::vector<unsigned> usable_interfaces(int family, bool loopback_only) {
  std::vector<unsigned> found;
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return found;
  for (const auto* entry = first; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != family) continue;
    const bool loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
    const bool wanted = loopback_only ? loopback : (entry->ifa_flags & IFF_MULTICAST) != 0;
    if ((entry->ifa_flags & IFF_UP) == 0 || !wanted) continue;
    const auto index = ::if_nametoindex(entry->ifa_name);
    if (index != 0 && std::ranges::find(found, index) == found.end()) found.push_back(index);
  }
  ::freeifaddrs(first);
  if (found.size() > kInterfacesMax) found.resize(kInterfacesMax);
  return found;
}

template <class T>
bool set(int socket, int level, int name, const T& value) {
  return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

bool join(int socket, bool ip6, unsigned interface, const asio::ip::address& group) {
  if (ip6) {
    ipv6_mreq request{};
    const auto bytes = group.to_v6().to_bytes();
    std::ranges::copy(bytes, request.ipv6mr_multiaddr.s6_addr);
    request.ipv6mr_interface = interface;
    return set(socket, IPPROTO_IPV6, IPV6_JOIN_GROUP, request);
  }
  ip_mreqn request{};
  request.imr_multiaddr.s_addr = htonl(group.to_v4().to_uint());
  request.imr_ifindex = static_cast<int>(interface);
  return set(socket, IPPROTO_IP, IP_ADD_MEMBERSHIP, request);
}

bool send_through(int socket, bool ip6, unsigned interface) {
  if (ip6) return set(socket, IPPROTO_IPV6, IPV6_MULTICAST_IF, static_cast<int>(interface));
  ip_mreqn request{};
  request.imr_ifindex = static_cast<int>(interface);
  return set(socket, IPPROTO_IP, IP_MULTICAST_IF, request);
}

void set_options(int socket, bool ip6) {
  set(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  set(socket, SOL_SOCKET, SO_REUSEPORT, 1);
  if (ip6) {
    set(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set(socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kTtl);
  } else {
    set(socket, IPPROTO_IP, IP_MULTICAST_TTL, kTtl);
    set(socket, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  }
}

}  // namespace

Result<void> MdnsSocket::open(bool ip6, const MdnsOptions& options) {
  const auto protocol = ip6 ? asio::ip::udp::v6() : asio::ip::udp::v4();
  const auto address = asio::ip::make_address(ip6 ? "ff02::fb" : "224.0.0.251");
  group_ = Endpoint(address, options.port);
  boost::system::error_code error;
  socket_.open(protocol, error);
  if (!error) {
    set_options(socket_.native_handle(), ip6);
    socket_.bind(Endpoint(protocol, options.port), error);
  }
  if (!error) socket_.non_blocking(true, error);
  if (error) {
    close();
    return fail(Code::unavailable, "mdns: port " + std::to_string(options.port) + ": " + error.message());
  }
  for (const auto interface : usable_interfaces(ip6 ? AF_INET6 : AF_INET, options.loopback_only)) {
    if (join(socket_.native_handle(), ip6, interface, address)) interfaces_.push_back(interface);
  }
  if (interfaces_.empty()) {
    close();
    return fail(Code::unavailable, "mdns: no interface takes part in multicast");
  }
  buffer_ = std::make_unique<std::array<char, 9000>>();
  return {};
}

void MdnsSocket::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Async<std::string_view> MdnsSocket::receive(Endpoint& from) {
  auto [error, size] =
      co_await socket_.async_receive_from(asio::buffer(*buffer_), from, asio::as_tuple(asio::use_awaitable));
  if (error) co_return fail(Code::unavailable, error.message());
  co_return std::string_view(buffer_->data(), size);
}

void MdnsSocket::send(std::string_view packet) {
  const bool ip6 = group_.address().is_v6();
  for (const auto interface : interfaces_) {
    if (send_through(socket_.native_handle(), ip6, interface)) send_to(packet, group_);
  }
}

void MdnsSocket::send_to(std::string_view packet, const Endpoint& to) {
  boost::system::error_code lost;
  socket_.send_to(asio::buffer(packet.data(), packet.size()), to, 0, lost);
}

}  // namespace mecha::nameresolution
