// Keys that are items of the secrets of a Kubernetes cluster, each read at every use.

#include <utility>

#include "components/catalog.hpp"
#include "components/crypto/local_provider.hpp"
#include "components/kubernetes/client.hpp"
#include "runtime/base/text.hpp"

namespace mecha::crypto {
namespace {

struct KubernetesSettings {
  std::string default_namespace, kubeconfig;

  static constexpr std::string_view failure_context = "failed to load metadata";
  static constexpr auto fields() {
    using S = KubernetesSettings;
    return std::tuple{
        field("defaultNamespace", &S::default_namespace, "Namespace of keys that name none."),
        field("kubeconfigPath", &S::kubeconfig, "Kubeconfig file; else the pod's account, KUBECONFIG, ~/.kube/config."),
    };
  }
};

// What the type of the Secret says of its items.
KeyForm form_of(std::string_view type) {
  if (type == "application/json") return KeyForm::jwk;
  return type == "application/x-pem-file" || type == "application/pkcs8" ? KeyForm::pem : KeyForm::guess;
}

class KubernetesSecrets final : public LocalProvider {
 public:
  using Settings = KubernetesSettings;
  static constexpr ComponentInfo info{"crypto.dapr.kubernetes.secrets", "v1", "Keys in the secrets of a Kubernetes cluster, read at every use."};

  KubernetesSecrets(Settings settings, const ComponentContext& context) : settings_(std::move(settings)), client_(context.shards) {}

  // Blocks: reads files.
  static Result<kubernetes::KubeConfig> check(const Settings& settings) { return kubernetes::find_kube_config(settings.kubeconfig); }

  Async<void> start() override { return client_.start(settings_.kubeconfig); }

 private:
  // "namespace/secret/key" or "secret/key".
  Async<Key> load(std::string name) override {
    auto parts = text::split(name, '/');
    if (parts.size() == 2) parts.insert(parts.begin(), settings_.default_namespace);
    if (parts.size() != 3 || parts[1].empty() || parts[2].empty()) {
      co_return fail(Code::invalid_argument, "key name " + text::quote(name) + " is not of the form 'namespace/secret/key' or 'secret/key'");
    }
    if (parts[0].empty()) co_return fail(Code::invalid_argument, "key name " + text::quote(name) + " has no namespace, and no default namespace is set");
    MECHA_CO_TRY(const auto secret, co_await client_.secret(std::string(parts[0]), std::string(parts[1])));
    MECHA_CO_TRY(const auto items, kubernetes::secret_items(secret));
    const auto item = items.find(parts[2]);
    if (item == items.end()) co_return fail(Code::not_found, "key not found");
    auto key = parse_key(item->second, form_of(secret.text("type")));
    if (!key) co_return fail(std::move(key).error().context("failed to parse key from secret"));
    if (key->id.empty()) key->id = name;
    co_return std::move(key);
  }

  Settings settings_;
  kubernetes::Client client_;
};

}  // namespace

void register_dapr_kubernetes_secrets(Catalog& catalog) { catalog.add<KubernetesSecrets>(); }

}  // namespace mecha::crypto
