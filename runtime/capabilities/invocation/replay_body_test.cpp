#include "runtime/capabilities/invocation/replay_body.hpp"

#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;

namespace {

// Gives its pieces one by one.
class Pieces final : public net::BodyReader {
 public:
  explicit Pieces(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {}
  Async<std::string_view> read() override {
    if (next_ == pieces_.size()) co_return std::string_view();
    co_return std::string_view(pieces_[next_++]);
  }

 private:
  std::vector<std::string> pieces_;
  std::size_t next_ = 0;
};

std::string all(asio::io_context& context, net::BodyReader& body) {
  return testing::run(context, net::read_all(body)).value();
}

}  // namespace

TEST_CASE("looking whether a body is empty takes nothing of it", "[replay]") {
  asio::io_context context;
  Pieces none({}), some({"ab", "c"});
  ReplayBody empty(none, 16), full(some, 16);
  CHECK(testing::run(context, empty.is_empty()).value());
  CHECK(all(context, empty).empty());
  CHECK_FALSE(testing::run(context, full.is_empty()).value());
  CHECK(all(context, full) == "abc");
  REQUIRE(full.rewind());
  CHECK(all(context, full) == "abc");
}

TEST_CASE("a body within the limit can be read again, also after a part", "[replay]") {
  asio::io_context context;
  Pieces source({"ab", "cd", "e"});
  ReplayBody body(source, 16);
  CHECK(testing::run(context, body.read()).value() == "ab");
  REQUIRE(body.rewind());
  CHECK(all(context, body) == "abcde");
  REQUIRE(body.rewind());
  CHECK(all(context, body) == "abcde");
}

TEST_CASE("a longer body can be read again only while nothing of it was read", "[replay]") {
  asio::io_context context;
  Pieces source({"ab", "cd"});
  ReplayBody body(source, 3);
  CHECK(body.rewind());
  CHECK(all(context, body) == "abcd");
  CHECK_FALSE(body.rewind());
}
