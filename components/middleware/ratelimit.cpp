// middleware.http.ratelimit: a bucket of tokens per client and path (contract 01, 7.3).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include <boost/asio/ip/address.hpp>

#include "components/catalog.hpp"
#include "components/middleware/middleware.hpp"
#include "components/middleware/token_buckets.hpp"
#include "runtime/base/text.hpp"

namespace mecha::middleware {
namespace {

struct RateLimitSettings {
  double requests_per_second = 100;

  static constexpr auto fields() {
    using S = RateLimitSettings;
    return std::tuple{field(
        "maxRequestsPerSecond", &S::requests_per_second, "Requests per second of one client to one path; above zero."
    )};
  }
};

// The host of "127.0.0.1:80" and "[::1]:80"; empty for what is no such address.
std::string host_of(const std::string& remote) {
  const auto colon = remote.rfind(':');
  if (colon == std::string::npos) return {};
  auto host = remote.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

// A provider gives a customer a /64 at least.
std::string masked(const std::string& address) {
  boost::system::error_code error;
  const auto parsed = asio::ip::make_address(address, error);
  if (error || !parsed.is_v6() || parsed.to_v6().is_v4_mapped()) return address;
  auto bytes = parsed.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return asio::ip::address_v6(bytes).to_string();
}

std::string client_of(net::RequestHead& request, const std::string& remote) {
  auto& headers = request.headers;
  const auto forwarded = headers.value_or("x-forwarded-for");
  const auto last = text::trim(forwarded.substr(forwarded.rfind(',') + 1));
  if (!last.empty()) return masked(std::string(last));
  if (!forwarded.empty()) {  // it says that there is somebody, but not who
    headers.set("X-Forwarded-For", "0.0.0.0");
    return "0.0.0.0";
  }
  if (const auto real = text::trim(headers.value_or("x-real-ip")); !real.empty()) return masked(std::string(real));
  if (const auto host = host_of(remote); !host.empty()) return masked(host);
  headers.set("X-Forwarded-For", "0.0.0.0");
  return "0.0.0.0";
}

std::string two_decimals(double value) {
  std::array<char, 400> room{};
  const auto size = std::snprintf(room.data(), room.size(), "%.2f", value);
  return {room.data(), static_cast<std::size_t>(size)};
}

std::string whole(double value) { return std::to_string(static_cast<long long>(value)); }

class RateLimit final : public Middleware {
 public:
  using Settings = RateLimitSettings;
  static constexpr ComponentInfo info{
      "middleware.http.ratelimit", "v1", "Limits the requests per second of one client to one path."};

  RateLimit(Settings settings, const ComponentContext&)
      : most_(settings.requests_per_second), buckets_(most_, std::max(1.0, std::floor(most_))) {}

  static Result<void> check(const Settings& settings) {
    if (settings.requests_per_second > 0 && std::isfinite(settings.requests_per_second)) return {};
    return fail(Code::invalid_argument, "metadata property maxRequestsPerSecond must be a positive value");
  }

  Async<void> start() override { co_return check({.requests_per_second = most_}); }

  asio::awaitable<std::optional<Reply>> enter(net::RequestHead& request, std::string remote, Step& step) override {
    const auto client = client_of(request, remote);
    const auto path = text::unescape_path(request.path()).value_or(std::string(request.path()));
    const auto taken = buckets_.take(client + '|' + path);
    auto& told = step.answer_headers;
    told.add("X-Rate-Limit-Limit", two_decimals(most_));
    told.add("X-Rate-Limit-Duration", "1");
    if (const auto forwarded = request.headers.value_or("x-forwarded-for"); !forwarded.empty()) {
      told.add("X-Rate-Limit-Request-Forwarded-For", forwarded);
    }
    told.add("X-Rate-Limit-Request-Remote-Addr", remote);
    told.add("RateLimit-Limit", whole(std::round(most_)));
    told.add("RateLimit-Reset", "1");
    told.add("RateLimit-Remaining", whole(taken.left));
    if (taken.allowed) co_return std::nullopt;
    co_return plain_reply(429, "You have reached maximum request limit.");
  }

 private:
  double most_;
  TokenBuckets buckets_;
};

}  // namespace

void register_ratelimit(Catalog& catalog) { catalog.add<RateLimit>(); }

}  // namespace mecha::middleware
