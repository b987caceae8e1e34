// secretstores.local.file: the contract of secret stores, then how a tree becomes names.

#include <filesystem>
#include <fstream>

#include "runtime/base/text.hpp"
#include "tests/conformance/secret_store_suite.hpp"

namespace mecha::secrets {
void register_local_file(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::secrets;

namespace {

class File {
 public:
  explicit File(std::string_view text)
      : path_(std::filesystem::temp_directory_path() / ("mecha-secrets-" + text::uuid() + ".json")) {
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

constexpr std::string_view kTree =
    R"({"plain":"value","nested":{"user":"joe","deep":{"key":"abc"}},"list":["first",{"x":"y"}],"none":{},"nil":[],)"
    R"("n":5,"t":true,"z":null})";

std::vector<NameValue> items(const File& file, std::vector<NameValue> more = {}) {
  more.push_back({.name = "secretsFile", .value = file.path()});
  return more;
}

std::string failure(conformance::Stage& stage, std::vector<NameValue> metadata) {
  const auto store = stage.start("secretstores.local.file", std::move(metadata));
  REQUIRE(!store);
  return store.error().message;
}

}  // namespace

TEST_CASE("secretstores.local.file keeps the secret store contract", "[secretstores][local.file]") {
  conformance::Stage stage(register_local_file);
  const File file(kTree);
  const auto single = stage.start("secretstores.local.file", items(file));
  REQUIRE(single);
  conformance::secret_store(stage, **single, "nested:user", {{"nested:user", "joe"}});
  CHECK((*single)->features().empty());
  const auto multi = stage.start("secretstores.local.file", items(file, {{.name = "multiValued", .value = "true"}}));
  REQUIRE(multi);
  conformance::secret_store(stage, **multi, "nested", {{"deep:key", "abc"}, {"user", "joe"}});
  CHECK((*multi)->features() == std::vector<std::string>{"MULTIPLE_KEY_VALUES_PER_SECRET"});
}

TEST_CASE("a tree is flattened to its leaves", "[secretstores][local.file]") {
  conformance::Stage stage(register_local_file);
  const File file(kTree);
  const auto store = stage.start("secretstores.local.file", items(file, {{.name = "nestedSeparator", .value = "."}}));
  REQUIRE(store);
  const auto all = stage.run((*store)->bulk_get({}));
  REQUIRE(all);
  SecretMap flat;
  for (const auto& [name, secret] : *all) flat[name] = secret.at(name);
  CHECK(
      flat ==
      SecretMap{
          {"plain", "value"}, {"nested.user", "joe"}, {"nested.deep.key", "abc"}, {"list.0", "first"}, {"list.1.x", "y"},
          {"n", "5"}, {"t", "true"}, {"z", ""}}
  );
  const auto inner = stage.run((*store)->get("nested", {}));
  REQUIRE(!inner);
  CHECK(inner.error().message == "secret nested not found");
}

TEST_CASE("multi-valued keeps texts and objects of the top", "[secretstores][local.file]") {
  conformance::Stage stage(register_local_file);
  const File file(kTree);
  const auto store = stage.start("secretstores.local.file", items(file, {{.name = "multiValued", .value = "yes"}}));
  REQUIRE(store);
  const auto all = stage.run((*store)->bulk_get({}));
  REQUIRE(all);
  CHECK(
      *all ==
      SecretMaps{{"plain", {{"plain", "value"}}}, {"nested", {{"user", "joe"}, {"deep:key", "abc"}}}, {"none", {}}}
  );
}

TEST_CASE("an empty separator is a colon", "[secretstores][local.file]") {
  conformance::Stage stage(register_local_file);
  const File file(kTree);
  const auto store = stage.start("secretstores.local.file", items(file, {{.name = "nestedSeparator", .value = ""}}));
  REQUIRE(store);
  CHECK(stage.run((*store)->get("nested:user", {})).has_value());
}

TEST_CASE("a file that cannot be read fails the start", "[secretstores][local.file]") {
  conformance::Stage stage(register_local_file);
  CHECK(failure(stage, {}) == "missing local secrets file in metadata");
  CHECK(failure(stage, {{.name = "secretsFile", .value = "/nowhere/secrets.json"}}) == "open /nowhere/secrets.json: no such file or directory");
  const File array("[1]"), broken("{nope");
  CHECK(failure(stage, items(array)) == "json: cannot unmarshal array into Go value of type map[string]interface {}");
  CHECK(failure(stage, items(broken)).starts_with("invalid character"));
}
