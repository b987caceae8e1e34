#include "cli/listeners.hpp"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <set>
#include <sstream>

#include "cli/proc.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kListening = "0A";

// Words of the machine's own byte order, each as eight hexadecimal digits.
std::string address_of(std::string_view hex, bool v6) {
  std::array<std::uint32_t, 4> words{};
  const std::size_t count = v6 ? 4 : 1;
  if (hex.size() != 8 * count) return {};
  for (std::size_t i = 0; i < count; ++i) words[i] = static_cast<std::uint32_t>(std::strtoul(std::string(hex.substr(8 * i, 8)).c_str(), nullptr, 16));
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (::inet_ntop(v6 ? AF_INET6 : AF_INET, words.data(), buffer.data(), buffer.size()) == nullptr) return {};
  return buffer.data();
}

std::set<std::uint64_t> sockets_of(const fs::path& process) {
  std::set<std::uint64_t> inodes;
  std::error_code error;
  for (auto it = fs::directory_iterator(process / "fd", error); !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code gone;
    const auto target = fs::read_symlink(it->path(), gone).string();
    if (target.starts_with("socket:[")) inodes.insert(std::strtoull(target.c_str() + 8, nullptr, 10));
  }
  return inodes;
}

// Calls `look(pid, folder)` for each process until it returns true.
template <class Look>
void each_process(Look look) {
  std::error_code error;
  for (auto it = fs::directory_iterator("/proc", error); !error && it != fs::directory_iterator(); it.increment(error)) {
    const auto pid = text::to_int(it->path().filename().string());
    if (pid && look(*pid, it->path())) return;
  }
}

}  // namespace

std::vector<Listener> parse_listeners(std::string_view table, bool v6) {
  std::vector<Listener> found;
  for (const auto line : text::split(table, '\n')) {
    std::istringstream fields{std::string(line)};
    std::string slot, local, remote, state, skip, inode;
    if (!(fields >> slot >> local >> remote >> state) || state != kListening) continue;
    for (int i = 0; i < 5; ++i) fields >> skip;  // queues, timer, retransmissions, user, timeout
    const auto colon = local.find(':');
    if (!(fields >> inode) || colon == std::string::npos) continue;
    Listener listener{.address = address_of(std::string_view(local).substr(0, colon), v6)};
    listener.port = static_cast<std::uint16_t>(std::strtoul(local.c_str() + colon + 1, nullptr, 16));
    listener.inode = std::strtoull(inode.c_str(), nullptr, 10);
    if (!listener.address.empty()) found.push_back(std::move(listener));
  }
  return found;
}

std::vector<Listener> listeners() {
  auto all = parse_listeners(text_of("/proc/net/tcp"), false);
  auto more = parse_listeners(text_of("/proc/net/tcp6"), true);
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  std::ranges::sort(all, {}, [](const Listener& l) { return std::pair(l.port, l.inode); });
  return all;
}

std::vector<Listener> listeners_of_group(pid_t group) {
  std::set<std::uint64_t> sockets;
  each_process([&](std::int64_t, const fs::path& process) {
    if (const auto stat = stat_of(process); stat && stat->group == group) sockets.merge(sockets_of(process));
    return false;
  });
  if (sockets.empty()) return {};
  auto all = listeners();
  std::erase_if(all, [&sockets](const Listener& listener) { return !sockets.contains(listener.inode); });
  std::ranges::sort(all, {}, &Listener::inode);
  return all;
}

std::optional<Program> holder_of(const Listener& listener) {
  std::optional<Program> found;
  each_process([&](std::int64_t pid, const fs::path& process) {
    if (!sockets_of(process).contains(listener.inode)) return false;
    found = Program{pid, std::string(text::trim(text_of(process / "comm")))};
    return true;
  });
  return found;
}

std::string who_listens(std::int64_t port) {
  const auto all = listeners();
  const auto found = std::ranges::find_if(all, [port](const Listener& listener) { return listener.port == port; });
  if (found == all.end()) return {};
  const auto program = holder_of(*found);
  return program ? program->name + " (pid " + std::to_string(program->pid) + ")" : "another program";
}

}  // namespace mecha::cli
