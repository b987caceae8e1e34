#include "components/kubernetes/config.hpp"

#include <cstdlib>
#include <filesystem>

#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/yaml.hpp"

namespace mecha::kubernetes {
namespace {

namespace fs = std::filesystem;
using yaml::Node;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::unexpected<Error> wrong(std::string text) { return fail(Code::invalid_argument, std::move(text)); }

std::string text_of(const Node* node, std::string_view name) {
  const auto* member = node == nullptr ? nullptr : node->find(name);
  return member != nullptr && member->is_scalar() ? member->value : std::string();
}

// The member `inner` of the entry of that name in a list of named entries; nullptr if there is none.
const Node* named(const Node& root, std::string_view list, const std::string& name, std::string_view inner) {
  const auto* entries = root.find(list);
  if (entries == nullptr) return nullptr;
  for (const auto& entry : entries->items) {
    if (text_of(&entry, "name") == name) return entry.find(inner);
  }
  return nullptr;
}

// `<name>-data` in base64, or the file that `<name>` names; a relative one lies beside the kubeconfig.
Result<std::string> data_or_file(const Node* node, const std::string& name, const fs::path& folder) {
  if (const auto data = text_of(node, name + "-data"); !data.empty()) {
    auto bytes = text::from_base64(data);
    if (!bytes) return wrong("invalid configuration: " + name + "-data is no base64");
    return *std::move(bytes);
  }
  const auto file = text_of(node, name);
  if (file.empty()) return std::string();
  return read_file((folder / file).string());
}

Result<void> read_user(const Node* user, const fs::path& folder, KubeConfig& config) {
  if (user == nullptr) return {};
  for (const auto* way : {"exec", "auth-provider", "as", "as-uid", "as-groups", "as-user-extra"}) {
    if (user->find(way) != nullptr) return wrong(std::string("kubeconfig: users with ") + way + " are not in this build");
  }
  MECHA_TRY(config.tls.certificate_pem, data_or_file(user, "client-certificate", folder));
  MECHA_TRY(auto key, data_or_file(user, "client-key", folder));
  config.tls.private_key_pem = Secret(std::move(key));
  config.token = Secret(text_of(user, "token"));
  if (const auto file = text_of(user, "tokenFile"); !file.empty()) config.token_file = (folder / file).string();
  config.username = text_of(user, "username");
  config.password = Secret(text_of(user, "password"));
  return {};
}

}  // namespace

Result<KubeConfig> read_kube_config(const std::string& path) {
  MECHA_TRY(const auto text, read_file(path));
  MECHA_TRY(const auto root, yaml::parse(text));
  const auto context_name = text_of(&root, "current-context");
  const auto* context = named(root, "contexts", context_name, "context");
  if (context == nullptr) {
    return wrong("invalid configuration: no context " + text::quote(context_name) + " in " + path);
  }
  const auto cluster_name = text_of(context, "cluster");
  const auto* cluster = named(root, "clusters", cluster_name, "cluster");
  KubeConfig config;
  config.server = text_of(cluster, "server");
  if (config.server.empty()) {
    return wrong("invalid configuration: no server for cluster " + text::quote(cluster_name) + " in " + path);
  }
  while (config.server.ends_with('/')) config.server.pop_back();
  if (config.server.find("://") == std::string::npos) config.server.insert(0, "https://");
  if (const auto proxy = text_of(cluster, "proxy-url"); !proxy.empty()) {
    return wrong("kubeconfig: a proxy-url, as of cluster " + text::quote(cluster_name) + " in " + path + ", is not in this build");
  }
  const fs::path folder = fs::path(path).parent_path();
  const auto authority = text_of(cluster, "certificate-authority");
  if (!authority.empty() && text_of(cluster, "certificate-authority-data").empty()) config.ca_file = (folder / authority).string();
  MECHA_TRY(config.tls.ca_pem, data_or_file(cluster, "certificate-authority", folder));
  config.tls.server_name = text_of(cluster, "tls-server-name");
  config.tls.verify = text_of(cluster, "insecure-skip-tls-verify") != "true";
  const auto user_name = text_of(context, "user");
  MECHA_TRY_VOID(read_user(named(root, "users", user_name, "user"), folder, config));
  return config;
}

Result<KubeConfig> in_cluster(const std::string& folder) {
  const auto host = environment("KUBERNETES_SERVICE_HOST"), port = environment("KUBERNETES_SERVICE_PORT");
  if (host.empty() || port.empty()) {
    return fail(
        Code::failed_precondition,
        "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
    );
  }
  const bool ip6 = host.find(':') != std::string::npos;
  KubeConfig config;
  config.server = "https://" + (ip6 ? "[" + host + "]" : host) + ":" + port;
  config.token_file = folder + "/token";
  MECHA_TRY([[maybe_unused]] const auto token, read_file(config.token_file));
  config.ca_file = folder + "/ca.crt";
  MECHA_TRY(config.tls.ca_pem, read_file(config.ca_file));
  return config;
}

Result<KubeConfig> find_kube_config(const std::string& path) {
  if (!path.empty()) return read_kube_config(path);
  auto found = in_cluster();
  if (!found && found.error().code == Code::failed_precondition) {
    const auto set = environment("KUBECONFIG");
    found = read_kube_config(set.empty() ? environment("HOME") + "/.kube/config" : set);
  }
  if (!found) found.error().code = Code::failed_precondition;  // of this process, not of the settings
  return found;
}

}  // namespace mecha::kubernetes
