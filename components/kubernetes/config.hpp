// Where the API server of Kubernetes is and how to speak to it: from a kubeconfig file, or from inside a pod.

#pragma once

#include <string>

#include "runtime/base/result.hpp"
#include "runtime/net/tls.hpp"

namespace mecha::kubernetes {

struct KubeConfig {
  std::string server;      // "https://10.0.0.1:443", no slash at the end
  net::TlsClientOptions tls;
  std::string ca_file;     // where tls.ca_pem is from; read again when the server is not believed any more
  Secret token;
  std::string token_file;  // read again now and then: such tokens change
  std::string username;
  Secret password;

  bool secure() const { return server.starts_with("https://"); }
};

// The current context of a kubeconfig file. Ways to log in that start a program (exec, auth-provider), impersonation and a
// proxy-url are refused.
// Blocks: reads the files that it names.
Result<KubeConfig> read_kube_config(const std::string& path);

// KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT and the files of the service account in `folder`; fails outside a pod.
Result<KubeConfig> in_cluster(const std::string& folder = "/var/run/secrets/kubernetes.io/serviceaccount");

// `path` if it is not empty, else the pod's, else KUBECONFIG, else ~/.kube/config; a fault of all but `path` is `failed_precondition`.
Result<KubeConfig> find_kube_config(const std::string& path);

}  // namespace mecha::kubernetes
