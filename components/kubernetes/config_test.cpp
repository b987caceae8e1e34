// Where the API server of Kubernetes is, and who we are there.

#include <cstdlib>

#include "components/kubernetes/config.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/kube_files.hpp"

using namespace mecha;
using namespace mecha::kubernetes;
using conformance::config_text;
using conformance::Folder;

TEST_CASE("a kubeconfig is read by its current context", "[kubernetes]") {
  const Folder folder;
  const auto plain = read_kube_config(folder.write("a", config_text("https://10.1.2.3:6443/")));
  REQUIRE(plain);
  CHECK(plain->server == "https://10.1.2.3:6443");
  CHECK(plain->token.reveal() == "kubetoken");
  CHECK(plain->tls.verify);
  folder.write("t.txt", "abc");
  const auto file = read_kube_config(folder.write("b", config_text("host:1", "tokenFile: t.txt")));
  REQUIRE(file);
  CHECK(file->server == "https://host:1");
  CHECK(file->token_file == folder.path() + "/t.txt");
  const auto certificate = read_kube_config(folder.write("c", config_text("host:1", "client-certificate-data: YWJj")));
  REQUIRE(certificate);
  CHECK(certificate->tls.certificate_pem == "abc");
  const auto exec = read_kube_config(folder.write("d", config_text("host:1", "exec: {command: aws}")));
  REQUIRE(!exec);
  CHECK(exec.error().message == "kubeconfig: users with exec are not in this build");
  const auto as = read_kube_config(folder.write("f", config_text("host:1", "as: joe")));
  REQUIRE(!as);
  CHECK(as.error().message == "kubeconfig: users with as are not in this build");
  const auto proxy = read_kube_config(folder.write(
      "g", "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
           "clusters: [{name: k, cluster: {server: 'https://h', proxy-url: 'http://p:1'}}]\n"
  ));
  REQUIRE(!proxy);
  CHECK(proxy.error().message == R"(kubeconfig: a proxy-url, as of cluster "k" in )" + folder.path() + "/g, is not in this build");
  folder.write("ca.pem", "pem");
  const auto authority = read_kube_config(folder.write(
      "h", "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\n"
           "clusters: [{name: k, cluster: {server: 'https://h', certificate-authority: ca.pem}}]\n"
  ));
  REQUIRE(authority);
  CHECK(authority->ca_file == folder.path() + "/ca.pem");
  CHECK(authority->tls.ca_pem == "pem");
  const auto none = read_kube_config(folder.write("e", "current-context: x\n"));
  REQUIRE(!none);
  CHECK(none.error().message.starts_with(R"(invalid configuration: no context "x" in )"));
  CHECK(read_kube_config("/nowhere/config").error().message == "open /nowhere/config: no such file or directory");
}

TEST_CASE("in a pod the service account says how", "[kubernetes]") {
  const Folder folder;
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  CHECK(in_cluster(folder.path()).error().code == Code::failed_precondition);
  ::setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
  ::setenv("KUBERNETES_SERVICE_PORT", "443", 1);
  CHECK(in_cluster(folder.path()).error().message == "open " + folder.path() + "/token: no such file or directory");
  folder.write("token", "t\n");
  folder.write("ca.crt", "pem");
  const auto config = in_cluster(folder.path());
  ::unsetenv("KUBERNETES_SERVICE_HOST");
  REQUIRE(config);
  CHECK(config->server == "https://[fd00::1]:443");
  CHECK(config->tls.ca_pem == "pem");
  CHECK(config->token_file == folder.path() + "/token");
}
