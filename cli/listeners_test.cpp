#include "cli/listeners.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "tests/catch.hpp"

using namespace mecha::cli;

TEST_CASE("the kernel's table of sockets is read", "[cli]") {
  const auto four = parse_listeners(
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:0DAC 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0\n"
      "   1: 0100007F:A1B2 0100007F:0DAC 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000000000000000\n"
      "   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1\n",
      false
  );
  REQUIRE(four.size() == 2);
  CHECK((four[0].port == 3500 && four[0].address == "127.0.0.1" && four[0].inode == 4711));
  CHECK((four[1].port == 80 && four[1].address == "0.0.0.0" && four[1].inode == 99));
  const auto six = parse_listeners("   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 7 1\n", true);
  REQUIRE(six.size() == 1);
  CHECK((six[0].port == 8080 && six[0].address == "::1"));
  CHECK(parse_listeners("nonsense\n   0: xyz\n", false).empty());
}

TEST_CASE("a socket of ours is found with its holder", "[cli]") {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(socket, 1) == 0);
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const auto port = ntohs(address.sin_port);
  const auto all = listeners_of_group(::getpgrp());
  CHECK(std::ranges::count(all, port, &Listener::port) == 1);
  CHECK(who_listens(port).find("(pid " + std::to_string(::getpid()) + ")") != std::string::npos);
  ::close(socket);
  CHECK(who_listens(port).empty());
}
