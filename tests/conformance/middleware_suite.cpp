#include "tests/conformance/middleware_suite.hpp"

#include "components/catalog.hpp"
#include "runtime/async/gate.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::conformance {
namespace {

asio::awaitable<void> enter_once(middleware::Middleware& member, net::RequestHead request, int& replies, int& ended) {
  middleware::Step step;
  const auto reply = co_await member.enter(request, "127.0.0.1:1", step);
  if (reply) ++replies;
  ++ended;
}

asio::awaitable<void> close(Gate& gate) { (void)co_await gate.close(std::chrono::seconds(20)); }

}  // namespace

struct MiddlewareBench::Parts {
  Shards shards{1};
  Catalog catalog;
};

MiddlewareBench::MiddlewareBench(Register add, std::string type, Settings settings) : parts_(std::make_unique<Parts>()) {
  add(parts_->catalog);
  ComponentSpec spec{.name = "mw", .type = std::move(type), .version = "v1"};
  for (auto& [name, value] : settings) spec.metadata.push_back({.name = name, .value = std::move(value)});
  const ComponentContext context{
      .shards = parts_->shards, .name = spec.name, .type = spec.type, .app_id = "app", .name_space = "", .log = {}};
  auto made = parts_->catalog.make(spec, context);
  if (made) member_ = std::dynamic_pointer_cast<middleware::Middleware>(*made);
  else error_ = made.error().message;
}

MiddlewareBench::~MiddlewareBench() {
  if (member_) (void)testing::run(parts_->shards.context(0), member_->stop());
}

std::string MiddlewareBench::start_error() {
  if (!member_) return error_;
  const auto started = testing::run(parts_->shards.context(0), member_->start());
  return started ? std::string() : started.error().message;
}

Shards& MiddlewareBench::shards() { return parts_->shards; }

MiddlewareBench::Outcome MiddlewareBench::enter(net::RequestHead request, std::string remote) {
  Outcome out{.request = std::move(request)};
  out.reply = testing::run(parts_->shards.context(0), member_->enter(out.request, std::move(remote), out.step));
  return out;
}

net::RequestHead request_to(std::string target, std::string method, net::Headers headers) {
  net::RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.authority = "localhost:3500";
  head.headers = std::move(headers);
  return head;
}

void middleware(MiddlewareBench& bench, const net::RequestHead& passes, const net::RequestHead& refused) {
  INFO("it starts");
  REQUIRE(bench.start_error() == "");
  INFO("a request passes, again and again");
  for (int i = 0; i < 3; ++i) CHECK_FALSE(bench.enter(passes).reply.has_value());
  if (!refused.target.empty()) {
    INFO("what it refuses gets an answer that can be sent");
    const auto reply = bench.enter(refused).reply;
    REQUIRE(reply.has_value());
    CHECK(reply->status >= 200);
    CHECK(reply->status < 600);
  }
  INFO("many requests at once all end alike");
  int replies = 0, ended = 0;
  auto& context = bench.shards().context(0);
  Gate gate(context.get_executor());
  for (int i = 0; i < 20; ++i) spawn(gate, context.get_executor(), enter_once(bench.member(), passes, replies, ended));
  testing::run(context, close(gate));
  CHECK(ended == 20);
  CHECK(replies == 0);
}

}  // namespace mecha::conformance
