#include "components/sqlite/wake.hpp"

#include <filesystem>

#include "runtime/async/shards.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace std::chrono_literals;
using sqlite::Wake;

namespace {

// A folder that goes away with the test.
struct Folder {
  Folder() {
    std::string name = std::filesystem::temp_directory_path() / "mecha_wake_XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

asio::awaitable<void> until(std::function<bool()> condition) {
  for (int i = 0; i < 2000 && !condition(); ++i) co_await sleep_for(1ms);
  CHECK(condition());
}

// Two processes are two objects here: they share nothing but the file.
asio::awaitable<void> touch_both_ways(Executor home, std::string path) {
  int first = 0, second = 0;
  auto one = std::make_shared<Wake>(home, path, [&first] { ++first; });
  auto other = std::make_shared<Wake>(home, path, [&second] { ++second; });
  REQUIRE(one->open().has_value());
  REQUIRE(other->open().has_value());
  CHECK(one->watching());
  one->touch();
  co_await until([&] { return first == 1 && second == 1; });
  other->touch();
  co_await until([&] { return first == 2 && second == 2; });
  for (int i = 0; i < 100; ++i) one->touch();  // as one
  co_await until([&] { return first >= 3 && second >= 3; });
  CHECK(first < 10);
  co_await one->close();
  const int heard = first;
  other->touch();
  co_await until([&] { return second >= 4; });
  CHECK(first == heard);
  co_await other->close();
  CHECK(std::filesystem::file_size(path) == 1);
}

}  // namespace

TEST_CASE("a touch of the file is heard by all who share it", "[sqlite]") {
  const Folder folder;
  Shards shards(1);
  testing::run(shards.context(0), touch_both_ways(shards.executor(0), folder.path + "/w"));
}

TEST_CASE("a file that cannot be written is told", "[sqlite]") {
  const Folder folder;
  Shards shards(1);
  auto wake = std::make_shared<Wake>(shards.executor(0), folder.path + "/none/w", [] {});
  const auto opened = wake->open();
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().message == "cannot write " + folder.path + "/none/w: No such file or directory");
}
