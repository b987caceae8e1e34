#include "runtime/daemon/address.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
// The plain digest: the newer interface loads OpenSSL's providers, 3 MB that an idle sidecar does not need.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstring>
#include <filesystem>

namespace mecha {
namespace {

// The local address of a datagram socket that is connected to `target`; nothing is sent.
std::string source_address(int family, const char* target) {
  const int descriptor = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return {};
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_in);
  if (family == AF_INET) {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(80);
    ::inet_pton(AF_INET, target, &address.sin_addr);
  } else {
    size = sizeof(sockaddr_in6);
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(80);
    ::inet_pton(AF_INET6, target, &address.sin6_addr);
  }
  std::string text;
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&storage), size) == 0 &&
      ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&storage), &size) == 0) {
    const void* raw = family == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<sockaddr_in&>(storage).sin_addr)
                          : static_cast<const void*>(&reinterpret_cast<sockaddr_in6&>(storage).sin6_addr);
    if (::inet_ntop(family, raw, buffer.data(), buffer.size()) != nullptr) text = buffer.data();
  }
  ::close(descriptor);
  return text;
}

// 1 public v4, 2 global v6, 3 private v4, 4 unique local v6, 5 link-local, 6 loopback.
int rank(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto ip = ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr);
    if (ip >> 24 == 127) return 6;
    if (ip >> 16 == 0xA9FE) return 5;
    const bool reserved = ip >> 24 == 10 || ip >> 20 == 0xAC1 || ip >> 16 == 0xC0A8 || ip >> 22 == 0x191;
    return reserved ? 3 : 1;
  }
  const auto& ip = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (IN6_IS_ADDR_LOOPBACK(&ip)) return 6;
  if (IN6_IS_ADDR_LINKLOCAL(&ip)) return 5;
  return (ip.s6_addr[0] & 0xFE) == 0xFC ? 4 : 2;
}

std::string interface_address() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const sockaddr* best = nullptr;
  for (const auto* item = list; item != nullptr; item = item->ifa_next) {
    const auto* address = item->ifa_addr;
    if (address == nullptr || (address->sa_family != AF_INET && address->sa_family != AF_INET6)) continue;
    if (best == nullptr || rank(*address) < rank(*best)) best = address;
  }
  std::string text;
  if (best != nullptr) {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    const void* raw = best->sa_family == AF_INET
                          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(best)->sin_addr)
                          : static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(best)->sin6_addr);
    if (::inet_ntop(best->sa_family, raw, buffer.data(), buffer.size()) != nullptr) text = buffer.data();
  }
  ::freeifaddrs(list);
  return text;
}

}  // namespace

std::string host_name() {
  std::array<char, HOST_NAME_MAX + 1> buffer{};
  ::gethostname(buffer.data(), buffer.size() - 1);
  return buffer.data();
}

Result<std::string> host_address(const std::string& configured) {
  if (!configured.empty()) return configured;
  if (auto found = source_address(AF_INET, "192.0.2.1"); !found.empty() && !found.starts_with("192.0.0.")) {
    return found;
  }
  if (auto found = source_address(AF_INET6, "2001:db8::1"); !found.empty()) return found;
  if (auto found = interface_address(); !found.empty()) return found;
  return fail(Code::internal, "could not determine host IP address; set DAPR_HOST_IP");
}

std::uint16_t stable_port(const std::string& app_id) {
  std::error_code error;
  const auto directory = std::filesystem::current_path(error).string();
  const auto seed = app_id + "|" + directory + "|" + std::to_string(::getuid()) + "|" + host_name();
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256_CTX context;
  ::SHA256_Init(&context);
  ::SHA256_Update(&context, seed.data(), seed.size());
  ::SHA256_Final(digest.data(), &context);
  const unsigned number = digest[0] | static_cast<unsigned>(digest[1]) << 8;
  return static_cast<std::uint16_t>(47300 + number % (65535 - 47300));
}

}  // namespace mecha
