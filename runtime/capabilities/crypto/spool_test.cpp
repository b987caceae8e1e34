// A spool gives back what was put in, from memory or from its file.

#include "runtime/capabilities/crypto/spool.hpp"

#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::crypto;

namespace {

std::string through(std::size_t memory_max, std::size_t total, std::size_t piece, std::size_t& longest) {
  asio::io_context context;
  Bridge files("spool-test");
  Spool spool(files, memory_max);
  std::string text;
  for (std::size_t i = 0; i < total; ++i) text += static_cast<char>('a' + i % 23);
  for (std::size_t at = 0; at < total; at += piece) REQUIRE(testing::run(context, spool.write(text.substr(at, piece))));
  CHECK(spool.size() == total);
  std::string back;
  for (;;) {
    const auto read = testing::run(context, spool.read());
    REQUIRE(read);
    if (read->empty()) break;
    longest = std::max(longest, read->size());
    back += *read;
  }
  CHECK(back == text);
  return back;
}

}  // namespace

TEST_CASE("a spool gives back what was put in, in bounded pieces", "[crypto]") {
  std::size_t longest = 0;
  through(1 << 20, 0, 1, longest);
  through(1 << 20, 1 << 20, 65536, longest);
  CHECK(longest == 1 << 20);
  longest = 0;
  through(1 << 20, (5 << 20) + 17, 65537, longest);
  CHECK(longest < 1 << 20);
  through(0, 3 << 18, 1 << 18, longest);
}
