// secretstores.local.env: the contract of secret stores, then prefixes and what stays hidden.

#include <cstdlib>

#include "tests/conformance/secret_store_suite.hpp"

namespace mecha::secrets {
void register_local_env(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::secrets;

namespace {

void set_variables() {
  for (const auto& [name, value] : std::vector<std::pair<const char*, const char*>>{
           {"VEC_ONE", "1"}, {"VEC_TWO", "a=b"}, {"VEC_EMPTY", ""}, {"VEC_", "prefix"}, {"DAPR_HIDDEN", "h"},
           {"dapr_lower", "h"}, {"APP_API_TOKEN", "t"}, {"DATA_VISIBLE", "v"}}) {
    ::setenv(name, value, 1);
  }
}

std::shared_ptr<SecretStore> store(conformance::Stage& stage, std::string prefix) {
  set_variables();
  auto started = stage.start("secretstores.local.env", {{.name = "Prefix", .value = std::move(prefix)}});
  REQUIRE(started);
  return *started;
}

std::string value(conformance::Stage& stage, SecretStore& from, std::string name) {
  const auto secret = stage.run(from.get(name, {}));
  REQUIRE(secret);
  REQUIRE(secret->has_value());
  REQUIRE((*secret)->size() == 1);
  return (*secret)->at(name);
}

}  // namespace

TEST_CASE("secretstores.local.env keeps the secret store contract", "[secretstores][local.env]") {
  conformance::Stage stage(register_local_env);
  conformance::secret_store(stage, *store(stage, ""), "VEC_TWO", {{"VEC_TWO", "a=b"}});
  conformance::secret_store(stage, *store(stage, "VEC_"), "ONE", {{"ONE", "1"}});
}

TEST_CASE("with a prefix names come without it", "[secretstores][local.env]") {
  conformance::Stage stage(register_local_env);
  const auto all = stage.run(store(stage, "VEC_")->bulk_get({}));
  REQUIRE(all);
  CHECK(*all == SecretMaps{{"ONE", {{"ONE", "1"}}}, {"TWO", {{"TWO", "a=b"}}}, {"EMPTY", {{"EMPTY", ""}}}});
  CHECK(value(stage, *store(stage, "VEC_"), "VEC_ONE").empty());
}

TEST_CASE("the runtime's own variables are hidden, however they are asked for", "[secretstores][local.env]") {
  conformance::Stage stage(register_local_env);
  std::vector<std::string> lines;
  stage.log_ = Log(make_memory_sink(lines), "dapr.contrib");
  const auto plain = store(stage, "");
  CHECK(value(stage, *plain, "DAPR_HIDDEN").empty());
  CHECK(value(stage, *plain, "dapr_lower").empty());
  CHECK(value(stage, *plain, "APP_API_TOKEN").empty());
  CHECK(value(stage, *store(stage, "DAPR_"), "HIDDEN").empty());
  CHECK(value(stage, *store(stage, "DA"), "PR_HIDDEN").empty());
  CHECK(value(stage, *store(stage, "DA"), "TA_VISIBLE") == "v");
  REQUIRE(lines.size() == 5);
  CHECK(lines[0].find("Access to env var DAPR_HIDDEN is forbidden") != std::string::npos);
  const auto all = stage.run(plain->bulk_get({}));
  REQUIRE(all);
  CHECK(all->contains("VEC_ONE"));
  CHECK(!all->contains("DAPR_HIDDEN"));
  CHECK(!all->contains("dapr_lower"));
  CHECK(!all->contains("APP_API_TOKEN"));
  CHECK(stage.run(store(stage, "DAPR_")->bulk_get({}))->empty());
}
