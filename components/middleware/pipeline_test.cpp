// The pipeline: which components handlers mean, the order inwards and outwards, and lengths.

#include "components/middleware/pipeline.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

using namespace mecha;
using namespace mecha::middleware;

namespace {

class Marked final : public BodyTransform {
 public:
  explicit Marked(std::string mark) : mark_(std::move(mark)) {}
  std::string piece(std::string_view bytes) override { return std::string(bytes) + mark_; }
  std::string end() override { return "." + mark_; }

 private:
  std::string mark_;
};

// Notes its name in a header of the request and of the answer, and marks bodies.
class Noting final : public Middleware {
 public:
  Noting(std::string name, bool replies = false) : name_(std::move(name)), replies_(replies) {}
  asio::awaitable<std::optional<Reply>> enter(net::RequestHead& request, std::string, Step& step) override {
    request.headers.set("seen", std::string(request.headers.value_or("seen")) + name_);
    step.answer_headers.add("by-" + name_, "1");
    step.answer_headers.add("shared", name_);
    step.request_body = std::make_unique<Marked>(name_);
    step.answer_body = std::make_unique<Marked>(name_);
    if (replies_) co_return plain_reply(403);
    co_return std::nullopt;
  }

 private:
  std::string name_;
  bool replies_;
};

Candidate candidate(std::string name, std::string type, std::string version, std::shared_ptr<Middleware> instance) {
  return {
      .spec = std::make_shared<const ComponentSpec>(ComponentSpec{.name = name, .type = type, .version = version}),
      .instance = std::move(instance)};
}

std::optional<Reply> enter(Walk& walk, const Pipeline& pipeline, net::RequestHead& head) {
  asio::io_context context;
  return testing::run(context, walk.enter(pipeline, head, "1.2.3.4:5"));
}

}  // namespace

TEST_CASE("handlers mean components of the same name, type and version; none and v1 are one", "[middleware]") {
  const auto one = std::make_shared<Noting>("a");
  const std::vector<Candidate> there{candidate("a", "middleware.http.x", "", one), candidate("b", "middleware.http.x", "v2", one)};
  const auto size = [&](std::vector<HandlerSpec> handlers) {
    const auto pipeline = make_pipeline(handlers, there);
    return pipeline ? pipeline->members.size() : 0;
  };
  CHECK(size({{"a", "middleware.http.x", "v1"}, {"a", "middleware.http.x", ""}}) == 2);
  CHECK(size({{"b", "middleware.http.x", "v2"}}) == 1);
  CHECK(size({{"b", "middleware.http.x", ""}, {"a", "middleware.http.X", ""}, {"c", "middleware.http.x", ""}}) == 0);
  CHECK(make_pipeline({{"c", "middleware.http.x", ""}}, there) == nullptr);
}

TEST_CASE("the first handler is outermost, the answer travels back in reverse", "[middleware]") {
  const Pipeline pipeline{{std::make_shared<Noting>("a"), std::make_shared<Noting>("b")}};
  Walk walk;
  net::RequestHead head;
  CHECK_FALSE(enter(walk, pipeline, head).has_value());
  CHECK(head.headers.value_or("seen") == "ab");
  CHECK(walk.request_piece("x") == "xab");
  CHECK(walk.request_end() == ".ab.b");
  CHECK(walk.answer_piece("y") == "yba");
  CHECK(walk.answer_end() == ".ba.a");
  net::ResponseHead answer{.headers = {{"By-A", "own"}}, .content_length = 1};
  walk.finish_head(answer);
  CHECK(answer.headers.all("by-a") == std::vector<std::string_view>{"1", "own"});
  CHECK(answer.headers.value_or("by-b") == "1");
  CHECK(answer.headers.all("shared") == std::vector<std::string_view>{"a", "b"});
  CHECK_FALSE(answer.content_length.has_value());
}

TEST_CASE("a reply ends the way in and leaves through the outer handlers only", "[middleware]") {
  const Pipeline pipeline{{std::make_shared<Noting>("a"), std::make_shared<Noting>("b", true), std::make_shared<Noting>("c")}};
  Walk walk;
  net::RequestHead head;
  const auto reply = enter(walk, pipeline, head);
  REQUIRE(reply.has_value());
  CHECK(reply->status == 403);
  CHECK(reply->body == "Forbidden");
  CHECK(head.headers.value_or("seen") == "ab");
  CHECK(walk.answer_piece("y") == "ya");
}

TEST_CASE("a component that is still loading closes the pipeline", "[middleware]") {
  const auto pipeline = make_pipeline({{"a", "middleware.http.x", ""}}, {candidate("a", "middleware.http.x", "v1", nullptr)});
  REQUIRE(pipeline != nullptr);
  Walk walk;
  net::RequestHead head;
  const auto reply = enter(walk, *pipeline, head);
  REQUIRE(reply.has_value());
  CHECK(reply->status == 503);
}

TEST_CASE("a body of another length than declared is told", "[middleware]") {
  LengthCheck longer(3);
  CHECK(longer.add(2).has_value());
  CHECK(longer.add(2).error().message == "http: ContentLength=3 with Body length 4");
  LengthCheck shorter(3);
  CHECK(shorter.add(2).has_value());
  CHECK(shorter.end().error().message == "http: ContentLength=3 with Body length 2");
  LengthCheck unknown(std::nullopt);
  CHECK(unknown.add(9).has_value());
  CHECK(unknown.end().has_value());
}
