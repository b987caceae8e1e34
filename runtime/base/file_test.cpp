#include "runtime/base/file.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

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
