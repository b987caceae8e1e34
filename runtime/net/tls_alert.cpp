// Alerts of TLS, by which a peer says why it gave up, in the words of the reference.

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "runtime/net/system_text.hpp"

namespace mecha::net {
namespace {

constexpr std::array<std::pair<int, std::string_view>, 28> kAlerts{{
    {10, "unexpected message"},
    {20, "bad record MAC"},
    {21, "decryption failed"},
    {22, "record overflow"},
    {30, "decompression failure"},
    {40, "handshake failure"},
    {42, "bad certificate"},
    {43, "unsupported certificate"},
    {44, "revoked certificate"},
    {45, "expired certificate"},
    {46, "unknown certificate"},
    {47, "illegal parameter"},
    {48, "unknown certificate authority"},
    {49, "access denied"},
    {50, "error decoding message"},
    {51, "error decrypting message"},
    {60, "export restriction"},
    {70, "protocol version not supported"},
    {71, "insufficient security level"},
    {80, "internal error"},
    {86, "inappropriate fallback"},
    {90, "user canceled"},
    {100, "no renegotiation"},
    {109, "missing extension"},
    {110, "unsupported extension"},
    {112, "unrecognized name"},
    {116, "certificate required"},
    {120, "no application protocol"},
}};

}  // namespace

std::string alert_text(const boost::system::error_code& error) {
  if (error.category() != boost::asio::error::get_ssl_category()) return {};
  const auto code = static_cast<unsigned long>(error.value());
  const int number = ERR_GET_REASON(code) - SSL_AD_REASON_OFFSET;
  if (ERR_GET_LIB(code) != ERR_LIB_SSL || number < 0 || number > 255) return {};
  const auto* known = std::ranges::find(kAlerts, number, &std::pair<int, std::string_view>::first);
  const auto name = known == kAlerts.end() ? "alert(" + std::to_string(number) + ")" : std::string(known->second);
  return "remote error: tls: " + name;
}

}  // namespace mecha::net
