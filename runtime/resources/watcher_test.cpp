// The watcher on real directories: each way in which files come to change is heard of, and only when it is over.

#include "runtime/resources/watcher.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

struct Place {
  Place() {
    std::string pattern = (fs::temp_directory_path() / "watcher-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
    fs::create_directory(root / "resources");
    write(root / "resources/a.yaml", "a");
  }
  ~Place() { fs::remove_all(root); }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }
  Watcher watcher(bool notices = true) {
    WatcherOptions options;
    options.notices = notices;
    options.poll = 5ms;
    options.patience = 300ms;
    return Watcher(context.get_executor(), {(root / "resources").string()}, options);
  }
  bool hears(Watcher& watcher, std::chrono::milliseconds limit = 2000ms) {
    return testing::run(context, watcher.wait(limit));
  }
  // What waits already.
  bool hears_of(const bool& heard) {
    return testing::eventually([&] {
      context.restart();
      context.run_for(5ms);
      return heard;
    });
  }
  asio::io_context context;
  fs::path root;
};

}  // namespace

TEST_CASE("Nothing is heard while nothing happens") {
  Place place;
  const bool notices = GENERATE(true, false);
  auto watcher = place.watcher(notices);
  CHECK_FALSE(place.hears(watcher, 30ms));
  Place::write(place.root / "other.yaml", "x");
  CHECK_FALSE(place.hears(watcher, 30ms));
}

TEST_CASE("Each way to change a file is heard of once") {
  Place place;
  const bool notices = GENERATE(true, false);
  auto watcher = place.watcher(notices);
  const auto folder = place.root / "resources";
  SECTION("written anew") { Place::write(folder / "a.yaml", "longer"); }
  SECTION("added") { Place::write(folder / "b.yaml", "b"); }
  SECTION("removed") { fs::remove(folder / "a.yaml"); }
  SECTION("renamed over, as editors do") {
    Place::write(folder / ".a.yaml.tmp", "new");
    fs::rename(folder / ".a.yaml.tmp", folder / "a.yaml");
  }
  SECTION("a link from elsewhere") { fs::create_symlink(place.root / "elsewhere", folder / "b.yaml"); }
  CHECK(place.hears(watcher));
  CHECK_FALSE(place.hears(watcher, 30ms));
  Place::write(folder / "a.yaml", "once more, and longer");
  CHECK(place.hears(watcher));
}

TEST_CASE("A directory of links that is swapped is heard of") {
  Place place;
  const auto folder = place.root / "resources";
  fs::create_directories(folder / "..v1");
  fs::create_directories(folder / "..v2");
  Place::write(folder / "..v1/m.yaml", "1");
  Place::write(folder / "..v2/m.yaml", "two");
  fs::create_directory_symlink("..v1", folder / "..data");
  fs::create_symlink("..data/m.yaml", folder / "m.yaml");
  auto watcher = place.watcher();
  fs::create_directory_symlink("..v2", folder / "..data_tmp");
  fs::rename(folder / "..data_tmp", folder / "..data");
  CHECK(place.hears(watcher));
}

TEST_CASE("A directory that is itself a link is followed to its next target") {
  Place place;
  fs::rename(place.root / "resources", place.root / "v1");
  fs::create_directory(place.root / "v2");
  fs::create_directory_symlink("v1", place.root / "resources");
  auto watcher = place.watcher();
  fs::create_directory_symlink("v2", place.root / "next");
  fs::rename(place.root / "next", place.root / "resources");
  CHECK(place.hears(watcher));
  Place::write(place.root / "v1/a.yaml", "nobody looks here any more");
  CHECK_FALSE(place.hears(watcher, 30ms));
  Place::write(place.root / "v2/b.yaml", "b");
  CHECK(place.hears(watcher));
}

TEST_CASE("A directory that goes and comes back is watched again") {
  Place place;
  const auto folder = place.root / "resources";
  auto watcher = place.watcher();
  fs::remove_all(folder);
  CHECK(place.hears(watcher));
  CHECK_FALSE(place.hears(watcher, 30ms));
  fs::create_directory(folder);
  CHECK(place.hears(watcher));
  Place::write(folder / "a.yaml", "again");
  CHECK(place.hears(watcher));
}

TEST_CASE("A file that is being written is waited for, but not for ever") {
  Place place;
  auto watcher = place.watcher();
  const auto path = place.root / "resources/a.yaml";
  const int file = ::open(path.c_str(), O_WRONLY | O_TRUNC);
  REQUIRE(file >= 0);
  bool heard = false;
  asio::co_spawn(place.context, watcher.wait(5s), [&](std::exception_ptr, bool value) { heard = value; });
  place.context.run_for(50ms);
  CHECK_FALSE(heard);
  REQUIRE(::write(file, "whole", 5) == 5);
  SECTION("closed") {
    ::close(file);
    CHECK(place.hears_of(heard));
  }
  SECTION("left open") {
    CHECK(place.hears_of(heard));
    ::close(file);
  }
}

TEST_CASE("What happens during the reading is seen afterwards") {
  Place place;
  auto watcher = place.watcher();
  Place::write(place.root / "resources/a.yaml", "one");
  REQUIRE(place.hears(watcher));
  CHECK_FALSE(watcher.stirred());
  Place::write(place.root / "resources/a.yaml", "three");
  CHECK(watcher.stirred());
  CHECK(place.hears(watcher));
  CHECK_FALSE(watcher.stirred());
}
