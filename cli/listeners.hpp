// Who listens on which TCP port of this host, read from /proc: the kernel's table of sockets, and the descriptors of processes.
// Of processes of other users only root learns the name.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mecha::cli {

struct Listener {
  std::uint16_t port = 0;
  std::string address;  // "127.0.0.1", "0.0.0.0", "::1", "::"
  std::uint64_t inode = 0;
};

struct Program {
  std::int64_t pid = 0;
  std::string name;
};

// The sockets that listen, of the text of /proc/net/tcp or, `v6`, of /proc/net/tcp6.
std::vector<Listener> parse_listeners(std::string_view table, bool v6);
// All of this host, those of one port together.
std::vector<Listener> listeners();
// Those that a process of the group holds, the oldest socket first.
std::vector<Listener> listeners_of_group(pid_t group);
// The program that holds the socket, if we may know.
std::optional<Program> holder_of(const Listener& listener);
// "python3 (pid 12)" or "another program"; empty if nobody listens on the port.
std::string who_listens(std::int64_t port);

}  // namespace mecha::cli
