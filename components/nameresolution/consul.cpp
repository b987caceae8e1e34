// consul: sidecars register with an agent of HashiCorp Consul and look for each other there (contract 06, section 6.4).

#include <mutex>
#include <random>
#include <unordered_map>

#include "components/http/client.hpp"
#include "components/nameresolution/consul_settings.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/base/file.hpp"

namespace mecha::nameresolution {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kLimit = std::chrono::seconds(5);  // of one request
constexpr auto kKept = std::chrono::seconds(2);   // an answer, with useCache
constexpr std::uint64_t kAnswerMax = 16 << 20;

// Blocks.
Result<std::string> read_if_set(const std::string& path) {
  if (path.empty()) return std::string();
  auto text = read_file(path);
  if (!text) return fail(Code::not_found, "consul: cannot " + text.error().message);
  return text;
}

struct Files {
  net::TlsClientOptions tls;
  std::string token;
};

Result<Files> read_files(const ConsulSettings& s) {
  Files files;
  files.tls.verify = s.verify;
  files.tls.server_name = s.server_name;
  MECHA_TRY(files.tls.ca_pem, read_if_set(s.ca_file));
  MECHA_TRY(files.tls.certificate_pem, read_if_set(s.certificate_file));
  MECHA_TRY(auto key, read_if_set(s.key_file));
  files.tls.private_key_pem = Secret(std::move(key));
  MECHA_TRY(const auto token, read_if_set(s.token_file));
  files.token = std::string(text::trim(token));
  return files;
}

class Consul final : public Resolver {
 public:
  Consul(ConsulSettings settings, const ComponentContext& context)
      : settings_(std::move(settings)), shards_(context.shards) {}

  Async<void> start() override {
    Bridge bridge("consul-files");
    std::function<Result<Files>()> read = [this] { return read_files(settings_); };
    MECHA_CO_TRY(const auto files, co_await bridge.call<Files>(std::move(read)));
    if (!files.token.empty()) settings_.token = Secret(files.token);
    MECHA_CO_TRY(auto tls, net::make_tls(files.tls));
    client_ = std::make_unique<http::HttpClient>(shards_, std::move(tls));
    if (!settings_.registers) co_return Result<void>{};
    const auto query = settings_.register_query.empty() ? std::string() : "?" + settings_.register_query;
    auto done = co_await ask("PUT", "/v1/agent/service/register" + query, json::write(settings_.registration));
    if (!done) co_return fail(std::move(done).error().context("failed to register consul service"));
    registered_ = true;
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (!registered_ || !settings_.deregisters) co_return Result<void>{};
    registered_ = false;
    auto done = co_await ask("PUT", "/v1/agent/service/deregister/" + text::escape(settings_.id), {});
    if (!done) co_return fail(std::move(done).error().context("failed to deregister consul service"));
    co_return Result<void>{};
  }

  Async<std::string> resolve(ResolveRequest request) override {
    auto found = kept(request.id);
    if (found.empty()) {
      auto answer = co_await ask("GET", "/v1/health/service/" + text::escape(request.id) + "?" + settings_.query, {});
      if (!answer) co_return fail(std::move(answer).error().context("failed to query healthy consul services"));
      MECHA_CO_TRY(found, addresses(request.id, *answer));
      if (settings_.keeps_answers) keep(request.id, found);
    }
    static thread_local std::minstd_rand random{std::random_device{}()};
    co_return std::move(found[random() % found.size()]);
  }

  void forget(const std::string&) override {
    const std::lock_guard lock(mutex_);
    kept_.clear();
  }

 private:
  struct Kept {
    std::vector<std::string> addresses;
    SteadyClock::time_point until;
  };

  Async<std::string> ask(std::string method, std::string target, std::string body) {
    http::HttpCall call{.method = std::move(method), .url = settings_.base + target, .body = std::move(body)};
    call.has_body = !call.body.empty();
    if (call.has_body) call.headers.add("Content-Type", "application/json");
    if (!settings_.token.empty()) call.headers.add("X-Consul-Token", settings_.token.reveal());
    call.bound_headers = {"X-Consul-Token"};
    if (!settings_.authorization.empty()) call.headers.add("Authorization", settings_.authorization);
    MECHA_CO_TRY(auto answer, co_await client_->send(std::move(call), kAnswerMax, kLimit));
    if (answer.status != 200) {
      co_return fail(
          Code::unavailable, "Unexpected response code: " + std::to_string(answer.status) + " (" + answer.body + ")"
      );
    }
    co_return std::move(answer.body);
  }

  // Of the healthy instances in an answer; never empty.
  Result<std::vector<std::string>> addresses(const std::string& id, const std::string& body) const {
    MECHA_TRY(const auto list, json::parse(body));
    std::vector<std::string> found;
    std::string why = "no healthy services found with AppID '" + id + "'";
    for (const auto& entry : list.is_array() ? list.as_array() : json::Array{}) {
      const auto* service = entry.find_nocase("Service");
      const auto* node = entry.find_nocase("Node");
      if (service == nullptr) continue;
      const auto* meta = service->find_nocase("Meta");
      const auto port = meta == nullptr ? std::string_view() : meta->text(settings_.port_key);
      auto host = std::string(service->text("Address"));
      if (host.empty() && node != nullptr) host = node->text("Address");
      if (port.empty()) {
        why = "target service AppID '" + id + "' found but " + settings_.port_key + " missing from meta";
      } else if (!host.empty()) {
        if (host.find(':') != std::string::npos) host = "[" + host + "]";
        found.push_back(host + ":" + std::string(port));
      }
    }
    if (found.empty()) return fail(Code::not_found, why);
    return found;
  }

  std::vector<std::string> kept(const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto it = kept_.find(id);
    return it == kept_.end() || it->second.until < SteadyClock::now() ? std::vector<std::string>() : it->second.addresses;
  }

  void keep(const std::string& id, const std::vector<std::string>& addresses) {
    const std::lock_guard lock(mutex_);
    if (kept_.size() > 10000) kept_.clear();
    kept_[id] = {addresses, SteadyClock::now() + kKept};
  }

  ConsulSettings settings_;
  Shards& shards_;
  bool registered_ = false;
  std::unique_ptr<http::HttpClient> client_;
  std::mutex mutex_;
  std::unordered_map<std::string, Kept> kept_;
};

}  // namespace

Result<std::unique_ptr<Resolver>> make_consul(
    const json::Value& configuration, const Self& self, const ComponentContext& context
) {
  MECHA_TRY(auto settings, read_consul_settings(configuration, self));
  return std::make_unique<Consul>(std::move(settings), context);
}

}  // namespace mecha::nameresolution
