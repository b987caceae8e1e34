// secretstores.local.folder: the contract of secret stores, the mounts of Kubernetes, and what leads out of the folder.

#include <atomic>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "runtime/base/text.hpp"
#include "tests/conformance/secret_store_suite.hpp"

namespace mecha::secrets {
void register_local_folder(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::secrets;

namespace fs = std::filesystem;

namespace {

constexpr auto kType = "secretstores.local.folder";

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("mecha-secrets-" + text::uuid())) { fs::create_directories(path_); }
  ~Folder() { fs::remove_all(path_); }

  void write(const std::string& name, std::string_view text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
  }
  void link(const std::string& to, const std::string& name) const {
    fs::remove(path_ / name);
    fs::create_symlink(to, path_ / name);
  }
  // As the kubelet does: files in a folder of a version, "..data" leads to it, and names lead through "..data".
  void mount(const std::string& at, const std::string& version, std::string_view user) const {
    write(at + ".." + version + "/user", user);
    write(at + ".." + version + "/.hidden", "h");
    link(".." + version, at + "..data");
    for (const std::string name : {"user", ".hidden"}) link("..data/" + name, at + name);
  }
  // The next version of a mount of many files, all with the version as text; at no time is there none.
  void prepare(const std::string& at, int version) const {
    const std::string name = "..v" + std::to_string(version);
    for (int i = 0; i < 100; ++i) {
      const auto file = "k" + std::to_string(i);
      write(at + name + "/" + file, std::to_string(version));
      if (!fs::is_symlink(path_ / (at + file))) fs::create_symlink("..data/" + file, path_ / (at + file));
    }
  }
  void rotate(const std::string& at, int version) const {
    link("..v" + std::to_string(version), at + "..data_tmp");
    fs::rename(path_ / (at + "..data_tmp"), path_ / (at + "..data"));
    fs::remove_all(path_ / (at + "..v" + std::to_string(version - 1)));
  }
  std::vector<NameValue> items(bool multi = false) const {
    std::vector<NameValue> items{{.name = "folder", .value = path_.string()}};
    if (multi) items.push_back({.name = "multiValued", .value = "true"});
    return items;
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string missing(conformance::Stage& stage, SecretStore& store, std::string name) {
  const auto got = stage.run(store.get(std::move(name), {}));
  return got ? "found" : got.error().message;
}

}  // namespace

TEST_CASE("secretstores.local.folder keeps the secret store contract", "[secretstores][local.folder]") {
  conformance::Stage stage(register_local_folder);
  const Folder folder;
  folder.write("token", "abc\n");
  folder.write("database/user", "joe");
  folder.write("database/password", "p");
  const auto single = stage.start(kType, folder.items());
  REQUIRE(single);
  conformance::secret_store(stage, **single, "token", {{"token", "abc\n"}});
  CHECK((*single)->features().empty());
  const auto multi = stage.start(kType, folder.items(true));
  REQUIRE(multi);
  conformance::secret_store(stage, **multi, "database", {{"password", "p"}, {"user", "joe"}});
  CHECK((*multi)->features() == std::vector<std::string>{"MULTIPLE_KEY_VALUES_PER_SECRET"});
}

TEST_CASE("a mount of Kubernetes is read, and a rotation shows", "[secretstores][local.folder]") {
  conformance::Stage stage(register_local_folder);
  const Folder folder;
  folder.mount("creds/", "1", "joe");
  const auto multi = stage.start(kType, folder.items(true));
  REQUIRE(multi);
  CHECK(**stage.run((*multi)->get("creds", {})) == SecretMap{{".hidden", "h"}, {"user", "joe"}});
  folder.mount("creds/", "2", "ann");
  CHECK(**stage.run((*multi)->get("creds", {})) == SecretMap{{".hidden", "h"}, {"user", "ann"}});
  CHECK(*stage.run((*multi)->bulk_get({})) == SecretMaps{{"creds", {{".hidden", "h"}, {"user", "ann"}}}});
  const auto single = stage.start(kType, {{.name = "folder", .value = (folder.path() / "creds").string()}});
  REQUIRE(single);
  CHECK(*stage.run((*single)->bulk_get({})) == SecretMaps{{".hidden", {{".hidden", "h"}}}, {"user", {{"user", "ann"}}}});
}

TEST_CASE("what is read of a mount is of one version", "[secretstores][local.folder]") {
  conformance::Stage stage(register_local_folder);
  const Folder folder;
  folder.prepare("creds/", 0);
  folder.rotate("creds/", 0);
  const auto multi = stage.start(kType, folder.items(true));
  const auto single = stage.start(kType, {{.name = "folder", .value = (folder.path() / "creds").string()}});
  REQUIRE((multi && single));
  std::atomic<int> reads = 0;
  constexpr int kReads = 120;
  std::thread rotates([&] {  // once somewhere in each read
    for (int version = 1; version <= kReads; ++version) {
      folder.prepare("creds/", version);
      reads.wait(version - 1);
      const auto when = std::chrono::steady_clock::now() + std::chrono::microseconds(version % 30 * 100);
      while (std::chrono::steady_clock::now() < when) std::this_thread::yield();
      folder.rotate("creds/", version);
    }
  });
  int torn = 0;
  for (int i = 0; i < kReads; ++i) {
    reads = i + 1;
    reads.notify_one();
    std::multiset<std::string> texts;
    if (i % 2 == 0) {
      const auto secret = stage.run((*multi)->get("creds", {}));
      if (secret) for (const auto& [_, text] : **secret) texts.insert(text);
    } else {
      const auto secrets = stage.run((*single)->bulk_get({}));
      if (secrets) for (const auto& [name, secret] : *secrets) texts.insert(secret.at(name));
    }
    if (texts.size() != 100 || *texts.begin() != *texts.rbegin()) ++torn;
  }
  rotates.join();
  CHECK(torn == 0);
}

TEST_CASE("no name and no link leads out of the folder", "[secretstores][local.folder]") {
  conformance::Stage stage(register_local_folder);
  const Folder outside;
  outside.write("key", "secret of another");
  const Folder folder;
  folder.write("in/file", "mine");
  folder.write("top", "mine");
  folder.link((outside.path() / "key").string(), "absolute");
  folder.link("../" + outside.path().filename().string() + "/key", "relative");
  folder.link(outside.path().string(), "folder");
  const auto single = stage.start(kType, folder.items());
  const auto multi = stage.start(kType, folder.items(true));
  REQUIRE((single && multi));
  for (const std::string name : {"absolute", "relative", "folder/key", "in/file", "in", "../top", "..", ".", "", "nothing"}) {
    CHECK(missing(stage, **single, name) == "secret " + name + " not found");
  }
  for (const std::string name : {"folder", "..", "top", "in/.."}) CHECK(missing(stage, **multi, name) == "secret " + name + " not found");
  CHECK(*stage.run((*single)->bulk_get({})) == SecretMaps{{"top", {{"top", "mine"}}}});
  CHECK(*stage.run((*multi)->bulk_get({})) == SecretMaps{{"in", {{"file", "mine"}}}});
}

TEST_CASE("bytes that are no text are refused, not repaired", "[secretstores][local.folder]") {
  conformance::Stage stage(register_local_folder);
  const Folder folder;
  folder.write("keystore", "\x30\x82\xff");
  const auto store = stage.start(kType, folder.items());
  REQUIRE(store);
  CHECK(missing(stage, **store, "keystore") == "secret keystore is not UTF-8 text");
}

TEST_CASE("a folder that is not there, or too large a file, is an error", "[secretstores][local.folder]") {
  conformance::Stage stage(register_local_folder);
  const auto absent = stage.start(kType, {{.name = "folder", .value = "/nowhere/at/all"}});
  REQUIRE_FALSE(absent);
  CHECK(absent.error().message == "the folder /nowhere/at/all cannot be read");
  const Folder folder;
  folder.write("large", std::string((1 << 20) + 1, 'x'));
  const auto store = stage.start(kType, folder.items());
  REQUIRE(store);
  CHECK(missing(stage, **store, "large").ends_with("it has more than 1048576 bytes"));
}
