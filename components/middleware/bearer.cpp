// middleware.http.bearer: requests need a token that a key of the issuer has signed (contract 01, 7.5).

#include <memory>
#include <mutex>

#include "components/catalog.hpp"
#include "components/http/client.hpp"
#include "components/jose/key_set.hpp"
#include "components/middleware/middleware.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/url.hpp"

namespace mecha::middleware {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kScheme = "bearer ";
constexpr std::size_t kTokenMin = 10;
constexpr std::uint64_t kDocumentMax = 4 << 20;
constexpr auto kFetchLimit = 30s;
constexpr auto kRefresh = 15min;  // at least ten minutes apart

struct BearerSettings {
  std::string issuer, audience, jwks_url;

  static constexpr auto fields() {
    using S = BearerSettings;
    return std::tuple{
        field("issuer", &S::issuer, "Issuer of the tokens; its OpenID configuration names the keys.")
            .required("metadata property 'issuer' is required")
            .aliases("issuerURL"),
        field("audience", &S::audience, "Audience that tokens must name.")
            .required("metadata property 'audience' is required")
            .aliases("clientID"),
        field("jwksURL", &S::jwks_url, "URL of the key set, where the OpenID configuration is not to be asked."),
    };
  }
};

class Bearer final : public Middleware {
 public:
  using Settings = BearerSettings;
  static constexpr ComponentInfo info{
      "middleware.http.bearer", "v1", "Lets requests pass that carry a signed token of an issuer."};

  Bearer(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), shards_(context.shards), log_(context.log), gate_(context.shards.executor(0)) {}

  static Result<void> check(const Settings& settings) {
    MECHA_TRY([[maybe_unused]] const auto url, net::parse_url(settings.jwks_url.empty() ? settings.issuer : settings.jwks_url));
    return {};
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto tls, net::make_tls(net::TlsClientOptions{}));
    client_ = std::make_unique<http::HttpClient>(shards_, std::move(tls));
    url_ = settings_.jwks_url;
    if (url_.empty()) MECHA_CO_TRY_VOID(co_await discover());
    MECHA_CO_TRY_VOID(co_await refresh());
    spawn(gate_, shards_.executor(0), keep_fresh());
    co_return Result<void>{};
  }

  Async<void> stop() override {
    co_await gate_.close(0s);
    co_return Result<void>{};
  }

  asio::awaitable<std::optional<Reply>> enter(net::RequestHead& request, std::string, Step&) override {
    const auto header = request.headers.value_or("authorization");
    const auto token = header.substr(std::min(kScheme.size(), header.size()));
    if (token.size() < kTokenMin || !text::equals_nocase(header.substr(0, kScheme.size()), kScheme)) {
      co_return plain_reply(401);
    }
    const auto claims = keys()->verify(token);
    if (!claims) co_return plain_reply(401);
    const jose::Expected expected{.issuer = settings_.issuer, .audience = settings_.audience};
    if (!jose::check_claims(*claims, expected, std::chrono::system_clock::now())) co_return plain_reply(401);
    co_return std::nullopt;
  }

 private:
  Async<std::string> document(std::string url) {
    http::HttpCall call;
    call.method = "GET";
    call.url = url;
    MECHA_CO_TRY(auto got, co_await client_->send(std::move(call), kDocumentMax, kFetchLimit));
    if (got.status == 200) co_return std::move(got.body);
    co_return fail(
        Code::unavailable, "invalid response status code for " + text::quote(url) + ": " + std::to_string(got.status)
    );
  }

  Async<void> discover() {
    auto base = settings_.issuer;
    if (base.ends_with('/')) base.pop_back();
    MECHA_CO_TRY(const auto body, co_await document(base + "/.well-known/openid-configuration"));
    MECHA_CO_TRY(const auto configuration, json::parse(body));
    url_ = std::string(configuration.text("jwks_uri"));
    if (url_.empty()) co_return fail(Code::invalid_argument, "the OpenID configuration has no jwks_uri");
    if (const auto issuer = configuration.text("issuer"); issuer != settings_.issuer) {
      co_return fail(
          Code::invalid_argument,
          "the OpenID configuration is of issuer " + text::quote(issuer) + ", not " + text::quote(settings_.issuer)
      );
    }
    co_return Result<void>{};
  }

  Async<void> refresh() {
    MECHA_CO_TRY(const auto body, co_await document(url_));
    auto parsed = jose::KeySet::parse(body);
    if (!parsed) co_return fail(std::move(parsed).error().context("key set " + url_));
    auto next = std::make_shared<const jose::KeySet>(*std::move(parsed));
    const std::lock_guard lock(mutex_);
    keys_ = std::move(next);
    co_return Result<void>{};
  }

  // A key set that cannot be had leaves the last one in force.
  asio::awaitable<void> keep_fresh() {
    while (co_await sleep_for(kRefresh)) {
      if (const auto refreshed = co_await refresh(); !refreshed) {
        log_.warn("the keys of the issuer were not refreshed", {{"error", refreshed.error().message}});
      }
    }
  }

  std::shared_ptr<const jose::KeySet> keys() const {
    const std::lock_guard lock(mutex_);
    return keys_;
  }

  Settings settings_;
  Shards& shards_;
  Log log_;
  Gate gate_;
  std::unique_ptr<http::HttpClient> client_;
  std::string url_;
  mutable std::mutex mutex_;
  std::shared_ptr<const jose::KeySet> keys_;  // set once started
};

}  // namespace

void register_bearer(Catalog& catalog) { catalog.add<Bearer>(); }

}  // namespace mecha::middleware
