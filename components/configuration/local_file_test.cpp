// configuration.local.file: the conformance suite, the forms of a file, and files that cannot be read.

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/base/json.hpp"
#include "tests/conformance/configuration_store_suite.hpp"

namespace mecha::configuration {
void register_local_file(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::configuration;
using conformance::Stage;

namespace {

// A file in a folder that goes away with the test.
struct File {
  File() {
    std::string name = std::filesystem::temp_directory_path() / "mecha_items_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = name;
    path = folder + "/items.json";
    write("{}");
  }
  ~File() { std::filesystem::remove_all(folder); }
  void write(const std::string& text) const { std::ofstream(path, std::ios::binary) << text; }
  void write(const json::Object& items) const {
    write(json::write(json::Value(items)));
  }
  std::string folder, path;
};

std::string refusal(const std::vector<NameValue>& metadata) {
  Stage stage(register_local_file);
  const auto store = stage.start<ConfigurationStore>("configuration.local.file", metadata);
  return store ? "" : store.error().message;
}

}  // namespace

TEST_CASE("a configuration store on a file keeps the promises of configuration stores", "[configuration][file]") {
  const File file;
  Stage stage(register_local_file);
  const auto store = stage.start<ConfigurationStore>("configuration.local.file", {{"configurationFile", file.path}});
  REQUIRE(store);
  json::Object items;
  conformance::ConfigurationTraits traits;
  traits.write = [&](const std::string& key, const std::string& value, const std::string& version) {
    items[key] = json::Object{{"value", value}, {"version", version}};
    file.write(items);
  };
  traits.remove = [&](const std::string& key) {
    items.erase(key);
    file.write(items);
  };
  conformance::configuration_store(stage, **store, traits, "app:");
}

TEST_CASE("items of a file in every form, and a file that breaks and comes back", "[configuration][file]") {
  const File file;
  file.write(R"({"a":"text","b":3,"c":{"value":true,"version":"7"},"d":{"x":1}})");
  Stage stage(register_local_file);
  const auto store = stage.start<ConfigurationStore>("configuration.local.file", {{"configurationFile", file.path}});
  REQUIRE(store);
  const auto all = stage.run((*store)->get({}));
  REQUIRE(all);
  CHECK(all->at("a").value == "text");
  CHECK(all->at("b").value == "3");
  CHECK((all->at("c").value == "true" && all->at("c").version == "7"));
  CHECK(all->at("d").value == R"({"x":1})");

  std::vector<Items> heard;
  const auto handler = [&heard](Items items) -> asio::awaitable<void> {
    heard.push_back(std::move(items));
    co_return;
  };
  auto subscription = stage.run((*store)->subscribe({}, handler));
  REQUIRE(subscription);
  file.write(R"({"a":)");
  stage.run_for(std::chrono::milliseconds(50));
  CHECK(heard.empty());
  CHECK_FALSE(stage.run((*store)->get({})).has_value());
  std::filesystem::remove(file.path);
  stage.run_for(std::chrono::milliseconds(50));
  CHECK(heard.empty());
  file.write(R"({"a":"new","b":3,"c":{"value":true,"version":"7"},"d":{"x":1}})");
  CHECK(testing::eventually([&] {
    stage.run_for(std::chrono::milliseconds(5));
    return !heard.empty();
  }));
  REQUIRE(heard.size() == 1);
  CHECK((heard[0].size() == 1 && heard[0].at("a").value == "new"));
  stage.run((*subscription)->stop());
}

TEST_CASE("a configuration store on a file needs one that it can read", "[configuration][file]") {
  CHECK_THAT(refusal({}), Catch::Contains("missing configuration file"));
  const File file;
  const auto missing = file.folder + "/none/x.json";
  CHECK_THAT(refusal({{"configurationFile", missing}}), Catch::Contains("open " + missing + ": no such file or directory"));
  CHECK_THAT(refusal({{"configurationFile", file.folder}}), Catch::Contains("read " + file.folder + ": is a directory"));
  file.write("[1]");
  CHECK_THAT(refusal({{"configurationFile", file.path}}), Catch::Contains("must be a JSON object"));
}
