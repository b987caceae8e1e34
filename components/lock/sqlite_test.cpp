// lock.sqlite: the conformance suite, the lock that outlives its process, and two processes that want one.

#include <unistd.h>

#include <filesystem>

#include "tests/conformance/lock_store_suite.hpp"

namespace mecha::lock {
void register_sqlite(Catalog& catalog);
}

using namespace mecha;
using conformance::Stage;

namespace {

// A folder that goes away with the test.
struct Folder {
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "mecha_locks_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

std::shared_ptr<lock::LockStore> open(Stage& stage, const std::string& file) {
  const auto store = stage.start<lock::LockStore>("lock.sqlite", {{"connectionString", file}});
  INFO((store ? "" : store.error().message));
  REQUIRE(store);
  return *store;
}

std::string refusal(std::vector<NameValue> metadata) {
  Stage stage(lock::register_sqlite);
  const auto store = stage.start<lock::LockStore>("lock.sqlite", std::move(metadata));
  return store ? "" : store.error().message;
}

}  // namespace

TEST_CASE("a lock store on SQLite keeps the promises of lock stores", "[lock][sqlite]") {
  const Folder folder;
  Stage stage(lock::register_sqlite);
  const auto store = open(stage, folder.path + "/l.db");
  conformance::lock_store(stage, *store, "lock||");
  conformance::lock_store_expiry(stage, *store, "lock||");
}

TEST_CASE("a lock on SQLite outlives its process and holds for others", "[lock][sqlite]") {
  const Folder folder;
  const auto file = folder.path + "/l.db";
  {
    Stage stage(lock::register_sqlite);
    REQUIRE(stage.run(open(stage, file)->try_lock({.key = "k", .owner = "me", .expiry_seconds = 60})) == true);
  }
  Stage stage(lock::register_sqlite);
  const auto one = open(stage, file), other = open(stage, file);
  CHECK(stage.run(other->try_lock({.key = "k", .owner = "you", .expiry_seconds = 60})) == false);
  CHECK(stage.run(one->unlock({.key = "k", .owner = "me"})) == lock::UnlockStatus::success);
  CHECK(stage.run(other->try_lock({.key = "k", .owner = "you", .expiry_seconds = 60})) == true);
  CHECK(stage.run(one->unlock({.key = "k", .owner = "me"})) == lock::UnlockStatus::lock_belongs_to_others);
}

TEST_CASE("a lock store on SQLite says why it cannot start", "[lock][sqlite]") {
  CHECK_THAT(refusal({}), Catch::Contains("missing connection string"));
  CHECK_THAT(refusal({{"connectionString", "/proc/none/l.db"}}), Catch::Contains("sqlite lock: opening /proc/none/l.db: unable to open database file"));
}
