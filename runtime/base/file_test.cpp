#include "runtime/base/file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;

namespace {

struct Written {
  explicit Written(std::string_view content) { std::ofstream(path, std::ios::binary) << content; }
  ~Written() { std::filesystem::remove(path); }
  std::string path = (std::filesystem::temp_directory_path() / ("mecha-file-" + text::uuid())).string();
};

}  // namespace

TEST_CASE("a file is read whole", "[file]") {
  const std::string long_text(1'000'000, 'x');
  CHECK(read_file(Written("").path) == "");
  CHECK(read_file(Written(std::string_view("a\0b\r\n", 5)).path) == std::string("a\0b\r\n", 5));
  CHECK(read_file(Written(long_text).path) == long_text);
}

TEST_CASE("a file that does not know its size is read whole", "[file]") {
  const auto status = read_file("/proc/self/status");
  REQUIRE(status);
  CHECK(status->find("Pid:\t" + std::to_string(::getpid())) != std::string::npos);
}

TEST_CASE("a pipe is read until its writer closes it, and one without a writer is empty", "[file]") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const std::string much(4'000'000, 'x');  // far more than a pipe holds: each waits for the other
  std::thread writer([&much, end = ends[1]] {
    for (std::size_t at = 0; at < much.size();) at += static_cast<std::size_t>(std::max<ssize_t>(::write(end, much.data() + at, 1000), 0));
    ::close(end);
  });
  CHECK(read_file("/dev/fd/" + std::to_string(ends[0])) == much);
  writer.join();
  ::close(ends[0]);

  const Written pipe("");
  std::filesystem::remove(pipe.path);
  REQUIRE(::mkfifo(pipe.path.c_str(), 0600) == 0);
  CHECK(read_file(pipe.path) == "");
}

TEST_CASE("what cannot be read is named", "[file]") {
  CHECK(read_file("/no/such").error().message == "open /no/such: no such file or directory");
  CHECK(read_file("/no/such").error().code == Code::not_found);
  CHECK(read_file("/").error().message == "read /: is a directory");
  CHECK(read_file("/").error().code == Code::invalid_argument);
}

TEST_CASE("a file above the limit is refused, one at the limit is not", "[file]") {
  const Written file("12345");
  CHECK(read_file(file.path, 5) == "12345");
  CHECK(read_file(file.path, 4).error().message == "read " + file.path + ": it has more than 4 bytes");
}
