#include "runtime/net/redirect.hpp"

#include <algorithm>
#include <array>

#include "runtime/base/text.hpp"

namespace mecha::net {
namespace {

constexpr int kRedirectsMax = 10;

constexpr std::array<std::string_view, 6> kOfTheHost{
    "authorization", "www-authenticate", "cookie", "cookie2", "proxy-authorization", "proxy-authenticate"};
// A server may send its clients to another of the same service, which wants these too; they never go without TLS.
constexpr std::array<std::string_view, 2> kUnderTls{"dapr-api-token", "x-vault-token"};
constexpr std::array<std::string_view, 4> kOfTheBody{"content-type", "content-encoding", "content-language", "content-location"};

bool is_one_of(const auto& names, std::string_view name) {
  return std::ranges::any_of(names, [name](const auto& other) { return text::equals_nocase(name, other); });
}

// The host itself or one below it. An address has none below it.
bool is_within(std::string_view host, std::string_view parent) {
  if (text::equals_nocase(host, parent)) return true;
  if (parent.empty() || host.size() <= parent.size() || host.find(':') != std::string_view::npos) return false;
  const auto start = host.size() - parent.size();
  return host[start - 1] == '.' && text::equals_nocase(host.substr(start), parent);
}

}  // namespace

Redirects::Redirects(Url first, std::vector<std::string> bound)
    : first_host_(first.host), bound_(std::move(bound)), url_(std::move(first)) {}

Result<void> Redirects::follow(std::string_view location, unsigned status, RedirectedRequest& request) {
  if (++count_ > kRedirectsMax) return fail(Code::unknown, "stopped after 10 redirects");
  MECHA_TRY(auto next, parse_url(resolve_url(url_, location)));
  const bool in_the_clear = url_.scheme == "https" && next.scheme == "http";
  if (status < 307) {
    if (request.method != "HEAD") request.method = "GET";
    request.has_body = false;
    request.headers.erase_if([](const auto& field) { return is_one_of(kOfTheBody, field.name); });
  }
  if (in_the_clear && request.has_body) {
    return fail(Code::failed_precondition, "the redirect to " + text::quote(next.shown()) + " would send the body without TLS");
  }
  if (in_the_clear || !is_within(next.host, first_host_)) leave_secrets(request.headers, in_the_clear);
  url_ = std::move(next);
  return {};
}

void Redirects::leave_secrets(Headers& headers, bool in_the_clear) const {
  headers.erase_if([&](const Headers::Field& field) {
    return is_one_of(kOfTheHost, field.name) || is_one_of(bound_, field.name) ||
        (in_the_clear && is_one_of(kUnderTls, field.name));
  });
}

}  // namespace mecha::net
