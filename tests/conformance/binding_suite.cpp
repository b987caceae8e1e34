#include "tests/conformance/binding_suite.hpp"

#include <set>

#include "components/catalog.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::conformance {

using namespace std::chrono_literals;
using bindings::InputEvent;
using bindings::InvokeOutcome;
using bindings::InvokeRequest;

struct BindingBench::Parts {
  Shards shards{1};
  Catalog catalog;
};

BindingBench::BindingBench(Register add, std::string type, Settings settings)
    : parts_(std::make_unique<Parts>()) {
  add(parts_->catalog);
  ComponentSpec spec{.name = "binding", .type = std::move(type), .version = "v1"};
  for (auto& [name, value] : settings)
    spec.metadata.push_back({.name = name, .value = std::move(value)});
  const ComponentContext context{
      .shards = parts_->shards,
      .name = spec.name,
      .type = spec.type,
      .app_id = "app",
      .name_space = "",
      .log = {}
  };
  auto made = parts_->catalog.make(spec, context);
  if (made)
    binding_ = std::dynamic_pointer_cast<bindings::Binding>(*made);
  else
    error_ = made.error().message;
}

BindingBench::~BindingBench() {
  if (binding_) (void)testing::run(parts_->shards.context(0), binding_->stop());
}

std::string BindingBench::start_error() {
  if (!binding_) return error_;
  const auto started = testing::run(parts_->shards.context(0), binding_->start());
  return started ? std::string() : started.error().message;
}

void BindingBench::start() { REQUIRE(start_error() == ""); }

Shards& BindingBench::shards() { return parts_->shards; }

void BindingBench::run(asio::awaitable<void> work) {
  testing::run(parts_->shards.context(0), std::move(work), std::chrono::seconds(30));
}

InvokeOutcome BindingBench::invoke(std::string operation, std::string data, Metadata metadata) {
  InvokeRequest request{std::move(operation), std::move(data), std::move(metadata)};
  return testing::run(parts_->shards.context(0), output().invoke(std::move(request)));
}

std::string BindingBench::refusal(std::string operation, std::string data, Metadata metadata) {
  const auto outcome = invoke(std::move(operation), std::move(data), std::move(metadata));
  REQUIRE(outcome.error);
  CHECK(!outcome.error->message.empty());
  return outcome.error->message;
}

namespace {

asio::awaitable<void> invoke_once(
    bindings::OutputBinding& output, InvokeRequest request, int& done
) {
  const auto outcome = co_await output.invoke(std::move(request));
  CHECK(!outcome.error);
  ++done;
}

asio::awaitable<void> invoke_many(bindings::OutputBinding& output, InvokeRequest request) {
  const auto executor = co_await asio::this_coro::executor;
  Gate gate(executor);
  int done = 0;
  for (int i = 0; i < 20; ++i) spawn(gate, executor, invoke_once(output, request, done));
  co_await gate.close(20s);
  CHECK(done == 20);
}

// A call that is given up leaves the binding usable.
asio::awaitable<void> give_up(bindings::OutputBinding& output, InvokeRequest request) {
  const auto executor = co_await asio::this_coro::executor;
  Gate gate(executor);
  int done = 0;
  for (int i = 0; i < 5; ++i)
    spawn(gate, executor, [](auto& out, auto wanted, int& n) -> asio::awaitable<void> {
      (void)co_await out.invoke(std::move(wanted));
      ++n;
    }(output, request, done));
  co_await gate.close(0s);
  const auto outcome = co_await output.invoke(std::move(request));
  CHECK(!outcome.error);
}

void keeps_what_it_is_given(BindingBench& bench, const Metadata& place) {
  for (const std::string data :
       {R"({"a":"é","b":[1,2]})", R"("plain text, with a blank")", "\x01\xff bytes"}) {
    const auto created = bench.invoke("create", data, place);
    REQUIRE(!created.error);
    const auto got = bench.invoke("get", {}, place);
    REQUIRE(!got.error);
    CHECK(got.answered);
    const bool unquoted = data.front() == '"' && got.data == data.substr(1, data.size() - 2);
    CHECK((got.data == data || unquoted));
  }
  const auto deleted = bench.invoke("delete", {}, place);
  CHECK(!deleted.error);
  CHECK(!deleted.answered);
  const auto gone = bench.invoke("get", {}, place);
  CHECK((gone.error || gone.data.empty()));
}

struct Counter {
  explicit Counter(const Executor& executor) : changed(executor) {}
  Event changed;
  int seen = 0;
};

asio::awaitable<bool> wait_for(Counter& counter, int wanted, std::chrono::seconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (counter.seen < wanted && std::chrono::steady_clock::now() < end) co_await sleep_for(2ms);
  co_return counter.seen >= wanted;
}

Async<std::string> count(std::shared_ptr<Counter> counter, bool refuse, InputEvent) {
  ++counter->seen;
  if (refuse) co_return fail(Code::unavailable, "the application refused");
  co_return std::string("ok");
}

asio::awaitable<void> reads(bindings::InputBinding& input, InputSubject subject, bool refuse) {
  auto counter = std::make_shared<Counter>(co_await asio::this_coro::executor);
  const auto started = co_await input.read([counter, refuse](InputEvent event) {
    return count(counter, refuse, std::move(event));
  });
  REQUIRE(started.has_value());
  if (subject.provoke) subject.provoke();
  CHECK(co_await wait_for(*counter, 1, subject.patience));
  if (subject.provoke) subject.provoke();
  CHECK(co_await wait_for(*counter, 2, subject.patience));
  co_await input.stop_reading(1s);
  const int before = counter->seen;
  if (subject.provoke) subject.provoke();
  co_await sleep_for(50ms);
  CHECK(counter->seen == before);
  co_await input.stop_reading(1s);  // again is harmless
}

// An event that never ends is cancelled when the grace is over.
asio::awaitable<void> stops(bindings::InputBinding& input, InputSubject subject) {
  auto counter = std::make_shared<Counter>(co_await asio::this_coro::executor);
  auto ended = std::make_shared<int>(0);
  const auto hang = [](std::shared_ptr<Counter> seen,
                       std::shared_ptr<int> over) -> Async<std::string> {
    ++seen->seen;
    (void)co_await sleep_for(1h);
    ++*over;
    co_return fail(Code::cancelled, "cancelled");
  };
  const auto started =
      co_await input.read([counter, ended, hang](InputEvent) { return hang(counter, ended); });
  REQUIRE(started.has_value());
  if (subject.provoke) subject.provoke();
  CHECK(co_await wait_for(*counter, 1, subject.patience));
  co_await input.stop_reading(20ms);
  CHECK(*ended == counter->seen);
}

}  // namespace

void output_binding(BindingBench& bench, const OutputSubject& subject) {
  REQUIRE(bench.binding().output() != nullptr);
  const auto operations = bench.output().operations();
  CHECK(operations == subject.operations);
  CHECK(std::set(operations.begin(), operations.end()).size() == operations.size());

  const auto& works = subject.works;
  const auto outcome = bench.invoke(works.operation, works.data, works.metadata);
  INFO((outcome.error ? outcome.error->message : std::string()));
  CHECK(!outcome.error);
  auto more = works.metadata;
  more["anything-else"] = "is ignored";
  CHECK(!bench.invoke(works.operation, works.data, more).error);

  bench.run(invoke_many(bench.output(), works));
  bench.run(give_up(bench.output(), works));
  if (!subject.place.empty()) keeps_what_it_is_given(bench, subject.place);
}

void input_binding(BindingBench& bench, const InputSubject& subject) {
  REQUIRE(bench.binding().input() != nullptr);
  bench.run(reads(bench.input(), subject, false));
  bench.run(reads(bench.input(), subject, true));
  bench.run(stops(bench.input(), subject));
}

}  // namespace mecha::conformance
