#include "runtime/security/api_token.hpp"

namespace mecha::security {

namespace {

std::string_view without_outer_slashes(std::string_view path) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (a[i] ^ b[i]));
  }
  return difference == 0;
}

bool api_token_admits(
    std::string_view token,
    std::string_view method,
    std::string_view path,
    const net::Headers& headers
) {
  const auto bare = without_outer_slashes(path);
  if (method == "GET" && (bare == "v1.0/healthz" || bare == "v1.0/healthz/outbound")) return true;
  const auto given = headers.get(kApiTokenHeader);
  return given && equal_in_constant_time(token, *given);
}

}  // namespace mecha::security
