#include "cli/dev_resources.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.hpp"

using namespace mecha::cli;
namespace fs = std::filesystem;

namespace {

// A folder that goes away with the test.
struct Folder {
  Folder() {
    std::string name = fs::temp_directory_path() / "mecha_dev_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { fs::remove_all(path); }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(path + "/" + name).parent_path());
    std::ofstream(path + "/" + name) << text;
  }
  std::string path;
};

std::string names(const std::vector<DevComponent>& all) {
  std::string text;
  for (const auto& c : all) text += c.name + " ";
  return text;
}

std::string manifest(const std::string& name, const std::string& type, const std::string& more = {}) {
  return "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: " + name + "}\nspec: {type: " + type + ", version: v1}\n" + more;
}

}  // namespace

TEST_CASE("the name of a folder becomes an id", "[cli]") {
  CHECK(id_of_folder("/home/me/orders") == "orders");
  CHECK(id_of_folder("/home/me/orders/") == "orders");
  CHECK(id_of_folder("/x/My App v1.2") == "My-App-v1-2");
  CHECK(id_of_folder("/x/..y..") == "y");
  CHECK(id_of_folder("/") == "app");
}

TEST_CASE("resources of the folder take the place of the embedded ones of their kind", "[cli]") {
  const Folder folder;
  const DevPlaces places{.app = folder.path, .data = folder.path + "/data"};
  CHECK(own_resources(folder.path).empty());
  folder.write("components/button.js", "");
  CHECK(own_resources(folder.path).empty());
  folder.write("components/a.yaml", manifest("mystate", "state.in-memory") + "scopes: [orders]\n");
  folder.write("resources/b.YAML", manifest("pubsub", "bindings.cron"));
  const auto folders = own_resources(folder.path);
  CHECK(folders == std::vector<std::string>{folder.path + "/resources", folder.path + "/components"});
  auto all = dev_components(places);
  CHECK(names(all) == "statestore pubsub lockstore secretstore configstore envstore ");
  drop_own(all, folders, "orders");
  CHECK(names(all) == "lockstore secretstore configstore envstore ");
  all = dev_components(places);
  drop_own(all, folders, "other");  // the store is not in its scope
  CHECK(names(all) == "statestore lockstore secretstore configstore envstore ");
}

TEST_CASE("manifests of dev are written, kept, and removed when they are not wanted", "[cli]") {
  const Folder folder;
  const DevPlaces places{.app = folder.path + "/a ?#%\"b", .data = folder.path + "/data"};
  REQUIRE(make_dev_folders(places));
  REQUIRE(make_dev_folders(places));
  CHECK((fs::status(places.app + "/.mecha/secrets.json").permissions() & fs::perms::group_all) == fs::perms::none);
  auto all = dev_components(places);
  const auto made = folder.path + "/made";
  REQUIRE(write_manifests(made, all, false));
  const auto loaded = own_resources(folder.path);
  CHECK(loaded.empty());
  folder.write("made/own.yaml", "# mine\n");
  all.resize(2);
  REQUIRE(write_manifests(made, all, false));
  CHECK(fs::exists(made + "/statestore.yaml"));
  CHECK(fs::exists(made + "/own.yaml"));
  CHECK_FALSE(fs::exists(made + "/lockstore.yaml"));
  const auto again = write_manifests(made, all, true);
  REQUIRE_FALSE(again);
  CHECK(again.error().message.find("is there already") != std::string::npos);
}
