// Secrets of a Kubernetes cluster, over the HTTP API of its server (contract 02, section 3.3).

#include <string>
#include <utility>

#include "components/catalog.hpp"
#include "components/kubernetes/client.hpp"
#include "components/secretstores/secret_store.hpp"
#include "runtime/base/json_read.hpp"

namespace mecha::secrets {
namespace {

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

class KubernetesStore final : public SecretStore {
 public:
  using Settings = KubernetesSettings;
  static constexpr ComponentInfo info{"secretstores.kubernetes", "v1", "Secrets of a Kubernetes cluster."};

  KubernetesStore(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), name_space_(context.name_space), client_(context.shards) {}

  // Blocks: reads files.
  static Result<kubernetes::KubeConfig> check(const Settings& settings) { return kubernetes::find_kube_config(settings.kubeconfig); }

  Async<void> start() override { return client_.start(settings_.kubeconfig); }

  Async<std::optional<SecretMap>> get(std::string name, Metadata metadata) override {
    MECHA_CO_TRY(const auto space, name_space(metadata));
    MECHA_CO_TRY(const auto secret, co_await client_.secret(space, std::move(name)));
    MECHA_CO_TRY(auto items, kubernetes::secret_items(secret));
    co_return items;
  }

  Async<SecretMaps> bulk_get(Metadata metadata) override {
    MECHA_CO_TRY(const auto space, name_space(metadata));
    MECHA_CO_TRY(const auto list, co_await client_.secrets(space));
    SecretMaps all;
    MECHA_CO_TRY(const auto* secrets, json::read_array(list, "items"));
    if (secrets == nullptr) co_return all;
    for (const auto& secret : secrets->as_array()) {
      MECHA_CO_TRY(const auto* about, json::read_object(secret, "metadata"));
      if (about == nullptr) continue;
      MECHA_CO_TRY(all[std::string(about->text("name"))], kubernetes::secret_items(secret));
    }
    co_return all;
  }

 private:
  Result<std::string> name_space(const Metadata& metadata) const {
    const auto asked = metadata.find("namespace");
    std::string space = asked == metadata.end() ? std::string() : asked->second;
    if (space.empty()) space = name_space_;
    if (space.empty()) space = settings_.default_namespace;
    if (!space.empty()) return space;
    return fail(Code::invalid_argument, "namespace is missing on metadata and NAMESPACE env variable, and no default namespace is set");
  }

  Settings settings_;
  std::string name_space_;
  kubernetes::Client client_;
};

}  // namespace

void register_kubernetes(Catalog& catalog) { catalog.add<KubernetesStore>(); }

}  // namespace mecha::secrets
