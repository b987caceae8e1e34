// Keys of a JSON Web Key Set: from a URL that is asked again and again, from a file that is looked at before every use, or
// from the manifest itself.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "components/catalog.hpp"
#include "components/crypto/local_provider.hpp"
#include "components/http/client.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/url.hpp"

namespace mecha::crypto {
namespace {

using namespace std::chrono_literals;

struct JwksSettings {
  std::optional<std::string> jwks;  // required, but with texts of its own when it is absent
  std::chrono::milliseconds request_timeout = 30s;
  std::chrono::milliseconds min_refresh_interval = 10min;

  static constexpr std::string_view failure_context = "failed to load metadata";
  static constexpr auto fields() {
    using S = JwksSettings;
    return std::tuple{
        field("jwks", &S::jwks, "Required. The key set: URL, path of a file, JSON text, or base64 of it."),
        field("requestTimeout", &S::request_timeout, "Limit of one request to the URL."),
        field("minRefreshInterval", &S::min_refresh_interval, "Time between two requests to the URL."),
    };
  }
};

constexpr std::uint64_t kSetBytesMax = 4 << 20;
// So that an interval of nothing is no storm of requests.
constexpr auto kRefreshLeast = 1s;

// What tells one state of a file from another.
struct Stamp {
  std::filesystem::file_time_type time;
  std::uintmax_t size = 0;
  bool operator==(const Stamp&) const = default;
};

std::optional<Stamp> stamp_of(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  if (error) return std::nullopt;
  const auto size = std::filesystem::file_size(path, error);
  return error ? std::nullopt : std::optional(Stamp{time, size});
}

Result<KeySet> read_set(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return fail(Code::not_found, "failed to read key set file " + path + ": " + text.error().message);
  return parse_key_set(*text);
}

// The text itself, or base64 of it in either alphabet.
Result<KeySet> parse_inline(const std::string& given) {
  if (auto set = parse_key_set(given)) return set;
  MECHA_TRY(const auto key, parse_symmetric(given));
  return parse_key_set(key.bytes.reveal());
}

Result<KeySet> read_text(const std::string& given) {
  if (auto set = parse_inline(given)) return set;
  return fail(
      Code::invalid_argument,
      "failed to parse property 'location': not a URL, path to local file, or JSON value (optionally base64-encoded)"
  );
}

bool is_url(std::string_view source) { return source.starts_with("http://") || source.starts_with("https://"); }

bool is_file(const std::string& source) {
  std::error_code error;
  return std::filesystem::is_regular_file(source, error);
}

// Nothing at all is told apart from nothing of use.
Result<void> present(const JwksSettings& settings) {
  const JwksSettings none;
  const bool other = settings.request_timeout != none.request_timeout || settings.min_refresh_interval != none.min_refresh_interval;
  if (!settings.jwks && !other) return fail(Code::invalid_argument, "empty metadata properties");
  if (!settings.jwks || settings.jwks->empty()) return fail(Code::invalid_argument, "failed to load metadata: metadata property 'jwks' is required");
  return {};
}

class Jwks final : public LocalProvider {
 public:
  using Settings = JwksSettings;
  static constexpr ComponentInfo info{"crypto.dapr.jwks", "v1", "Keys of a JSON Web Key Set."};

  Jwks(Settings settings, const ComponentContext& context)
      : context_(context),
        settings_(std::move(settings)),
        source_(settings_.jwks.value_or("")),
        present_(present(settings_)) {
    if (settings_.request_timeout < 1ms) settings_.request_timeout = JwksSettings{}.request_timeout;
    settings_.min_refresh_interval = std::max<std::chrono::milliseconds>(settings_.min_refresh_interval, kRefreshLeast);
  }

  // Blocks: may read a file.
  static Result<void> check(const Settings& settings) {
    MECHA_TRY_VOID(present(settings));
    const auto& source = *settings.jwks;
    if (is_url(source)) {
      MECHA_TRY([[maybe_unused]] const auto url, net::parse_url(source));
      return {};
    }
    const auto set = is_file(source) ? read_set(source) : read_text(source);
    if (!set) return fail(Error(set.error()).context("failed to init cache"));
    return {};
  }

  Async<void> start() override {
    if (!present_) co_return fail(present_.error());
    const auto made = is_url(source_) ? co_await start_url() : co_await start_text();
    if (!made) co_return fail(Error(made.error()).context("failed to init cache"));
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (gate_) co_await gate_->close(0s);
    gate_.reset();
    client_.reset();
    co_return Result<void>{};
  }

 private:
  Async<void> start_url() {
    MECHA_CO_TRY(auto tls, net::make_tls(net::TlsClientOptions{}));
    client_.emplace(context_.shards, std::move(tls));
    MECHA_CO_TRY_VOID(co_await fetch());
    gate_.emplace(co_await asio::this_coro::executor);
    spawn(*gate_, co_await asio::this_coro::executor, refresh());
    co_return Result<void>{};
  }

  Async<void> start_text() {
    bridge_.emplace("crypto-jwks");
    std::function<Result<bool>()> look = [this] { return open_text(); };
    const auto opened = co_await bridge_->call<bool>(std::move(look));
    if (!opened) co_return fail(opened.error());
    if (!*opened) bridge_.reset();  // no file to look at
    co_return Result<void>{};
  }

  // Runs on the bridge. Whether the set is a file.
  Result<bool> open_text() {
    if (is_file(source_)) {
      stamp_ = stamp_of(source_);
      MECHA_TRY(auto set, read_set(source_));
      keep(std::move(set));
      return true;
    }
    MECHA_TRY(auto set, read_text(source_));
    keep(std::move(set));
    return false;
  }

  Async<void> fetch() {
    http::HttpCall call{.method = "GET", .url = source_};
    auto answer = co_await client_->send(std::move(call), kSetBytesMax, settings_.request_timeout);
    if (!answer) co_return fail(std::move(answer).error().context("failed to fetch JWKS"));
    if (answer->status != 200) {
      co_return fail(Code::unavailable, "failed to fetch JWKS: response status code is not 200: " + std::to_string(answer->status));
    }
    auto set = parse_key_set(answer->body);
    if (!set) co_return fail(std::move(set).error().context("failed to fetch JWKS"));
    keep(*std::move(set));
    co_return Result<void>{};
  }

  // A set that cannot be had or read leaves the last one in use.
  asio::awaitable<void> refresh() {
    while (co_await sleep_for(settings_.min_refresh_interval)) {
      const auto fetched = co_await fetch();
      if (!fetched) context_.log.warn("the key set is not refreshed", {{"error", fetched.error().message}});
    }
  }

  // Runs on the bridge.
  Result<bool> reread() {
    const auto now = stamp_of(source_);
    if (!now || now == stamp_) return false;
    stamp_ = now;
    auto set = read_set(source_);
    if (!set) {
      context_.log.warn("the key set is not refreshed", {{"error", set.error().message}});
      return false;
    }
    keep(*std::move(set));
    return true;
  }

  Async<Key> load(std::string name) override {
    if (bridge_) {
      std::function<Result<bool>()> look = [this] { return reread(); };
      MECHA_CO_TRY_VOID(co_await bridge_->call<bool>(std::move(look)));
    }
    const auto set = set_.load(std::memory_order_acquire);
    const auto found = set->find(name);
    if (found == set->end()) co_return fail(Code::not_found, "key not found");
    co_return found->second;
  }

  void keep(KeySet set) { set_.store(std::make_shared<const KeySet>(std::move(set)), std::memory_order_release); }

  const ComponentContext context_;
  Settings settings_;
  const std::string source_;
  const Result<void> present_;
  std::atomic<std::shared_ptr<const KeySet>> set_{std::make_shared<const KeySet>()};
  std::optional<http::HttpClient> client_;  // of a URL
  std::optional<Gate> gate_;                // of shard 0
  std::optional<Stamp> stamp_;              // on the bridge
  std::optional<Bridge> bridge_;            // of a file
};

}  // namespace

void register_dapr_jwks(Catalog& catalog) { catalog.add<Jwks>(); }

}  // namespace mecha::crypto
