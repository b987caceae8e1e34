// Secrets of a Kubernetes cluster, over the HTTP API of its server (contract 02, section 3.3).

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "components/catalog.hpp"
#include "components/http/client.hpp"
#include "components/secretstores/files.hpp"
#include "components/secretstores/kube_config.hpp"
#include "components/secretstores/secret_store.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"

namespace mecha::secrets {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kLimit = std::chrono::seconds(30);     // of one request
constexpr auto kTokenAge = std::chrono::seconds(60);  // then its file is read again
constexpr std::uint64_t kAnswerMax = 64 << 20;

struct KubernetesSettings {
  std::string default_namespace, kubeconfig;
  static constexpr auto fields() {
    using S = KubernetesSettings;
    return std::tuple{
        field("defaultNamespace", &S::default_namespace, "Namespace when neither the request nor NAMESPACE names one."),
        field("kubeconfigPath", &S::kubeconfig, "Kubeconfig file; else the pod's account, KUBECONFIG, ~/.kube/config."),
    };
  }
};

// What cannot be a part of a path is refused before anything is sent.
Result<void> check_segment(std::string_view what, const std::string& name) {
  std::string why;
  if (name.empty()) return fail(Code::invalid_argument, "resource name may not be empty");
  if (name == "." || name == "..") why = "may not be '" + name + "'";
  if (name.find('/') != std::string::npos) why = "may not contain '/'";
  if (name.find('%') != std::string::npos) why = "may not contain '%'";
  if (why.empty()) return {};
  return fail(Code::invalid_argument, "invalid " + std::string(what) + " " + text::quote(name) + ": [" + why + "]");
}

Result<SecretMap> items_of(const json::Value& secret) {
  SecretMap items;
  MECHA_TRY(const auto* data, json::read_object(secret, "data"));
  if (data == nullptr) return items;
  for (const auto& [name, value] : data->as_object()) {
    if (value.is_null()) {
      items[name];
      continue;
    }
    auto bytes = value.is_string() ? text::from_base64(value.as_string()) : std::nullopt;
    if (!bytes) return fail(Code::internal, "the item " + name + " of the secret is no base64 text");
    items[name] = *std::move(bytes);
  }
  return items;
}

class KubernetesStore final : public SecretStore {
 public:
  using Settings = KubernetesSettings;
  static constexpr ComponentInfo info{"secretstores.kubernetes", "v1", "Secrets of a Kubernetes cluster."};

  KubernetesStore(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), name_space_(context.name_space), shards_(context.shards) {}

  Async<void> start() override {
    Bridge bridge("kubeconfig");
    std::function<Result<KubeConfig>()> read = [this] { return find_kube_config(settings_.kubeconfig); };
    MECHA_CO_TRY(config_, co_await bridge.call<KubeConfig>(std::move(read)));
    MECHA_CO_TRY(auto tls, net::make_tls(config_.tls));
    client_ = std::make_unique<http::HttpClient>(shards_, std::move(tls));
    co_return Result<void>{};
  }

  Async<std::optional<SecretMap>> get(std::string name, Metadata metadata) override {
    MECHA_CO_TRY(const auto space, name_space(metadata));
    MECHA_CO_TRY_VOID(check_segment("resource name", name));
    MECHA_CO_TRY(const auto secret, co_await ask("/api/v1/namespaces/" + space + "/secrets/" + text::escape(name)));
    MECHA_CO_TRY(auto items, items_of(secret));
    co_return items;
  }

  Async<SecretMaps> bulk_get(Metadata metadata) override {
    MECHA_CO_TRY(const auto space, name_space(metadata));
    MECHA_CO_TRY(const auto list, co_await ask("/api/v1/namespaces/" + space + "/secrets"));
    SecretMaps all;
    MECHA_CO_TRY(const auto* secrets, json::read_array(list, "items"));
    if (secrets == nullptr) co_return all;
    for (const auto& secret : secrets->as_array()) {
      MECHA_CO_TRY(const auto* about, json::read_object(secret, "metadata"));
      if (about == nullptr) continue;
      MECHA_CO_TRY(all[std::string(about->text("name"))], items_of(secret));
    }
    co_return all;
  }

 private:
  Result<std::string> name_space(const Metadata& metadata) const {
    const auto asked = metadata.find("namespace");
    std::string space = asked == metadata.end() ? std::string() : asked->second;
    if (space.empty()) space = name_space_;
    if (space.empty()) space = settings_.default_namespace;
    if (space.empty()) {
      return fail(
          Code::invalid_argument,
          "namespace is missing on metadata and NAMESPACE env variable, and no default namespace is set"
      );
    }
    MECHA_TRY_VOID(check_segment("namespace", space));
    return text::escape(space);
  }

  Async<json::Value> ask(std::string path) {
    http::HttpCall call{.method = "GET", .url = config_.server + path};
    call.headers.add("Accept", "application/json");
    // Over plain HTTP anyone could read it.
    if (config_.secure()) {
      MECHA_CO_TRY(const auto login, co_await authorization());
      if (!login.empty()) call.headers.add("Authorization", login);
    }
    MECHA_CO_TRY(const auto answer, co_await client_->send(std::move(call), kAnswerMax, kLimit));
    auto value = json::parse(answer.body, true);
    if (answer.status >= 200 && answer.status < 300) {
      if (!value) co_return fail(std::move(value).error());
      co_return *std::move(value);
    }
    const auto code = code_of_http_status(answer.status);
    const std::string_view told = value && value->text("kind") == "Status" ? value->text("message") : "";
    if (!told.empty()) co_return fail(code, std::string(told));
    co_return fail(code, "the server responded with the status code " + std::to_string(answer.status) + ": " + answer.body);
  }

  Async<std::string> authorization() {
    if (!config_.token_file.empty()) {
      MECHA_CO_TRY(const auto token, co_await token_of_file());
      co_return "Bearer " + token;
    }
    if (!config_.token.empty()) co_return "Bearer " + config_.token.reveal();
    if (config_.username.empty()) co_return std::string();
    co_return "Basic " + text::base64(config_.username + ":" + config_.password.reveal());
  }

  Async<std::string> token_of_file() {
    {
      const std::lock_guard lock(mutex_);
      if (!file_token_.empty() && SteadyClock::now() - read_at_ < kTokenAge) co_return file_token_.reveal();
    }
    MECHA_CO_TRY(const auto text, co_await read_file_aside(config_.token_file));
    std::string token(text::trim(text));
    const std::lock_guard lock(mutex_);
    file_token_ = Secret(token);
    read_at_ = SteadyClock::now();
    co_return token;
  }

  Settings settings_;
  std::string name_space_;
  Shards& shards_;
  KubeConfig config_;
  std::unique_ptr<http::HttpClient> client_;
  std::mutex mutex_;  // of the two below
  Secret file_token_;
  SteadyClock::time_point read_at_;
};

}  // namespace

void register_kubernetes(Catalog& catalog) { catalog.add<KubernetesStore>(); }

}  // namespace mecha::secrets
