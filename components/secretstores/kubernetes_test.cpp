// secretstores.kubernetes against a scripted API server, and where its address comes from.

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "components/secretstores/kube_config.hpp"
#include "runtime/base/text.hpp"
#include "tests/conformance/secret_store_suite.hpp"
#include "tests/fakes/http_server.hpp"

namespace mecha::secrets {
void register_kubernetes(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::secrets;
using fakes::HttpServer;

namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("mecha-kube-" + text::uuid())) { fs::create_directory(path_); }
  ~Folder() { fs::remove_all(path_); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

std::string config_text(const std::string& server, const std::string& user = "token: kubetoken") {
  return "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
         "clusters:\n- name: k\n  cluster: {server: \"" + server + "\"}\n"
         "users:\n- name: u\n  user:\n    " + user + "\n"
         "contexts:\n- name: c\n  context: {cluster: k, user: u}\n";
}

const HttpServer::Routes kRoutes{
    {"GET /api/v1/namespaces/ns1/secrets/db", {200, R"({"kind":"Secret","data":{"user":"am9l","empty":""}})"}},
    {"GET /api/v1/namespaces/ns1/secrets", {200, R"({"items":[{"metadata":{"name":"db"},"data":{"user":"am9l","empty":""}}]})"}},
    {"GET /api/v1/namespaces/ns1/secrets/db-missing",
     {404, R"({"kind":"Status","message":"secrets \"db-missing\" not found","code":404})"}},
    {"GET /api/v1/namespaces/ns1/secrets/broken", {200, R"({"data":{"user":"*"}})"}},
};

std::vector<NameValue> settings(const std::string& config, const std::string& name_space = "ns1") {
  return {{.name = "kubeconfigPath", .value = config}, {.name = "defaultNamespace", .value = name_space}};
}

}  // namespace

TEST_CASE("secretstores.kubernetes keeps the secret store contract", "[secretstores][kubernetes]") {
  HttpServer server(kRoutes);
  const Folder folder;
  conformance::Stage stage(register_kubernetes);
  const auto store = stage.start("secretstores.kubernetes", settings(folder.write("config", config_text(server.url()))));
  REQUIRE(store);
  conformance::secret_store(stage, **store, "db", {{"user", "joe"}, {"empty", ""}});
  CHECK(!server.seen().front().headers.contains("authorization"));
}

TEST_CASE("what a path cannot hold, and what the server refuses, is told", "[secretstores][kubernetes]") {
  HttpServer server(kRoutes);
  const Folder folder;
  const auto config = folder.write("config", config_text(server.url()));
  conformance::Stage stage(register_kubernetes);
  const auto store = stage.start("secretstores.kubernetes", settings(config));
  REQUIRE(store);
  const auto error = [&](const std::string& name, Metadata metadata = {}) {
    return stage.run((*store)->get(name, std::move(metadata))).error().message;
  };
  CHECK(error("db-missing") == R"(secrets "db-missing" not found)");
  CHECK(error("broken") == "the item user of the secret is no base64 text");
  const auto before = server.seen().size();
  CHECK(error("..") == R"(invalid resource name "..": [may not be '..'])");
  CHECK(error("a/b") == R"(invalid resource name "a/b": [may not contain '/'])");
  CHECK(error("db", {{"namespace", "x/y"}}) == R"(invalid namespace "x/y": [may not contain '/'])");
  CHECK(server.seen().size() == before);
  const auto nowhere = stage.start("secretstores.kubernetes", settings(config, ""));
  REQUIRE(nowhere);
  CHECK(
      stage.run((*nowhere)->bulk_get({})).error().message ==
      "namespace is missing on metadata and NAMESPACE env variable, and no default namespace is set"
  );
}

TEST_CASE("a kubeconfig is read by its current context", "[secretstores][kubernetes]") {
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
  const auto none = read_kube_config(folder.write("e", "current-context: x\n"));
  REQUIRE(!none);
  CHECK(none.error().message.starts_with(R"(invalid configuration: no context "x" in )"));
  CHECK(read_kube_config("/nowhere/config").error().message == "open /nowhere/config: no such file or directory");
}

TEST_CASE("in a pod the service account says how", "[secretstores][kubernetes]") {
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
