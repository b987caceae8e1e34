// The sockets of multicast DNS: one per family, shared with other programs, joined on every interface that can.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/udp.hpp>

#include "runtime/async/async.hpp"

namespace mecha::nameresolution {

struct MdnsOptions {
  std::uint16_t port = 5353;
  bool loopback_only = false;  // for tests: no packet leaves the host, IPv4 alone
};

// Lives on one shard. Sending never waits: what the system does not take at once is lost, as datagrams may be.
class MdnsSocket {
 public:
  using Endpoint = asio::ip::udp::endpoint;

  explicit MdnsSocket(Executor executor) : socket_(std::move(executor)) {}

  // Opens the socket of a family ("4" or "6") and joins its group; fails if there is no interface that takes it.
  Result<void> open(bool ip6, const MdnsOptions& options);
  bool is_open() const { return socket_.is_open(); }
  void close();

  // The next datagram; the view is valid until the next call. Fails when the socket is closed.
  Async<std::string_view> receive(Endpoint& from);
  void send(std::string_view packet);                      // to the group, through every joined interface
  void send_to(std::string_view packet, const Endpoint& to);

 private:
  asio::ip::udp::socket socket_;
  Endpoint group_;
  std::vector<unsigned> interfaces_;
  std::unique_ptr<std::array<char, 9000>> buffer_;
};

}  // namespace mecha::nameresolution
