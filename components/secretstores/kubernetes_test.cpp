// secretstores.kubernetes against a scripted API server.

#include "tests/conformance/kube_files.hpp"
#include "tests/conformance/secret_store_suite.hpp"
#include "tests/fakes/http_server.hpp"

namespace mecha::secrets {
void register_kubernetes(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::secrets;
using conformance::config_text;
using conformance::Folder;
using fakes::HttpServer;

namespace {

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
