// The fake that applications are tested with: what it holds, what it can be told, what it tells.

#include "mecha/testing/fake.h"

#include <atomic>
#include <thread>

#include "catch.hpp"
#include "mecha/when_all.h"

namespace mecha::testing {
namespace {

using namespace std::chrono_literals;

TEST_CASE("state has etags, and writes that name an old one are refused", "[fake]") {
  Fake fake;
  const auto store = fake.client().blocking().state("orders");
  CHECK(!*store.get<std::string>("k"));
  REQUIRE(store.save("k", "one"));
  const auto first = store.get_versioned<std::string>("k");
  REQUIRE(store.save("k", "two"));
  WriteOptions old;
  old.etag = first->etag;
  CHECK(store.save("k", "three", old).error().code == Code::aborted);
  CHECK(store.remove("k", old).error().code == Code::aborted);
  WriteOptions only_new;
  only_new.concurrency = Concurrency::first_write;
  CHECK(store.save("k", "three", only_new).error().code == Code::aborted);
  CHECK(store.save("other", "x", only_new));
  CHECK(**store.get<std::string>("k") == "two");
  CHECK(fake.state("orders", "k") == "two");
  REQUIRE(store.remove("k"));
  CHECK(!fake.state("orders", "k"));
}

TEST_CASE("values and locks expire on the clock of the fake", "[fake]") {
  Fake fake;
  const auto client = fake.client().blocking();
  WriteOptions brief;
  brief.ttl = 1500ms;
  REQUIRE(client.state("s").save("k", "v", brief));
  CHECK(*client.lock("l").try_lock("r", "me", 3s));
  CHECK(!*client.lock("l").try_lock("r", "you", 3s));
  fake.advance(1999ms);
  CHECK(*client.state("s").get<std::string>("k"));
  fake.advance(1ms);
  CHECK(!*client.state("s").get<std::string>("k"));
  CHECK(*client.lock("l").unlock("r", "you") == UnlockStatus::belongs_to_others);
  fake.advance(1s);
  CHECK(*client.lock("l").unlock("r", "me") == UnlockStatus::does_not_exist);
  CHECK(*client.lock("l").try_lock("r", "you", 3s));
  CHECK(*client.lock("l").unlock("r", "you") == UnlockStatus::success);
}

TEST_CASE("a transaction is all or nothing", "[fake]") {
  Fake fake;
  const auto store = fake.client().blocking().state("s");
  REQUIRE(store.save("a", "1"));
  WriteOptions wrong;
  wrong.etag = "never";
  CHECK(!store.transact({upsert("b", std::string("2")), erase("a", wrong)}));
  CHECK(!fake.state("s", "b"));
  CHECK(store.transact({upsert("b", std::string("2")), erase("a")}));
  CHECK(fake.state("s", "b") == "2");
  CHECK(!fake.state("s", "a"));
  const auto many = store.get_bulk<std::string>({"b", "a"});
  REQUIRE(many->size() == 2);
  CHECK(many->at(0).value == "2");
  CHECK(!many->at(1).value);
}

TEST_CASE("a failure is used up by the calls that fit it, in order", "[fake][script]") {
  Fake fake;
  const auto store = fake.client().blocking().state("orders");
  fake.fail({Call::save_state, "orders", "k"}, Code::unavailable, 2);
  fake.fail({Call::save_state}, mecha::fail(Code::internal, "third"));
  CHECK(store.save("k", "v").error().code == Code::unavailable);
  CHECK(store.save("other", "v").error().message == "third");
  CHECK(store.save("k", "v").error().code == Code::unavailable);
  CHECK(!fake.state("orders", "k"));
  CHECK(store.save("k", "v"));
  fake.fail(On::component("orders"), Code::resource_exhausted, always);
  for (int i = 0; i < 3; ++i)
    CHECK(store.get<std::string>("k").error().code == Code::resource_exhausted);
  CHECK(fake.client().blocking().state("else").get<std::string>("k"));
  fake.clear_scripts();
  CHECK(store.get<std::string>("k"));
}

TEST_CASE("a lost answer has its effect", "[fake][script]") {
  Fake fake;
  fake.lose_answer({Call::save_state}, mecha::fail(Code::unavailable, "lost"));
  CHECK(fake.client().blocking().state("s").save("k", "v").error().message == "lost");
  CHECK(fake.state("s", "k") == "v");
}

TEST_CASE("a slow call moves the clock, up to its limit", "[fake][script]") {
  Fake fake;
  const auto store = fake.client().blocking().state("s");
  const auto begin = fake.now();
  fake.delay({Call::get_state}, 5s);
  CHECK(store.get<std::string>("k"));
  CHECK(fake.now() - begin == 5s);
  fake.delay({Call::save_state}, 5s);
  CallOptions hasty;
  hasty.timeout = 2s;
  CHECK(store.save("k", std::string("v"), {}, hasty).error().code == Code::deadline_exceeded);
  CHECK(fake.now() - begin == 7s);
  CHECK(!fake.state("s", "k"));
}

TEST_CASE("a call that is held waits for its release, its limit or its stop", "[fake][script]") {
  Fake fake;
  const auto store = fake.client().state("s");
  std::optional<Result<void>> ended;
  const auto begin = [&](CallOptions options = {}) {
    ended.reset();
    then_call(store.save("k", std::string("v"), {}, std::move(options)), [&](Result<void> result) {
      ended = std::move(result);
    });
  };
  auto hold = fake.hold({Call::save_state});
  begin();
  CHECK(hold.reached());
  CHECK(!ended);
  SECTION("released") {
    hold.release();
    REQUIRE(ended);
    CHECK(*ended);
    CHECK(fake.state("s", "k") == "v");
    begin();
    CHECK(ended);
  }
  SECTION("failed") {
    hold.fail(mecha::fail(Code::data_loss, "so"));
    CHECK(ended->error().message == "so");
    CHECK(!fake.state("s", "k"));
  }
  SECTION("too late") {
    fake.advance(59s);
    CHECK(!ended);
    fake.advance(1s);
    CHECK(ended->error().code == Code::deadline_exceeded);
  }
  SECTION("stopped") {
    hold.release();
    auto again = fake.hold({Call::save_state});
    std::stop_source stop;
    CallOptions options;
    options.stop = stop.get_token();
    begin(options);
    CHECK(!ended);
    stop.request_stop();
    CHECK(ended->error().code == Code::cancelled);
  }
  SECTION("on another thread") {
    hold.release();
    auto again = fake.hold({Call::get_state});
    std::optional<std::string> got;
    std::thread other([&] { got = *fake.client().blocking().state("s").get<std::string>("k"); });
    CHECK(again.reached());
    again.release();
    other.join();
    CHECK(got == "v");
  }
}

TEST_CASE("every call is on record, with its trace and its end", "[fake]") {
  Fake fake;
  const auto client = fake.client();
  CallOptions options;
  options.trace = std::make_shared<TraceContext>(TraceContext{"00-a", "", ""});
  options.metadata["x"] = "y";
  fake.fail({Call::invoke}, Code::unavailable);
  (void)client.blocking().state("s").get<std::string>("k", {}, options);
  (void)client.blocking().app("stock").get<std::string>("level");
  const auto calls = fake.calls();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].call == Call::get_state);
  CHECK(calls[0].trace->traceparent == "00-a");
  CHECK(calls[0].metadata.at("x") == "y");
  CHECK(calls[0].code == Code::ok);
  CHECK(calls[1].name == "stock");
  CHECK(calls[1].key == "level");
  CHECK(calls[1].timeout == 60s);
  CHECK(calls[1].code == Code::unavailable);
  CHECK(fake.count({Call::get_state, "s"}) == 1);
  CHECK(fake.count({Call::get_state, "t"}) == 0);
  CHECK(to_string(Call::shutdown) == "shutdown");
}

TEST_CASE("only components that were added are known, by kind", "[fake]") {
  Fake fake;
  const auto client = fake.client().blocking();
  CHECK(client.state("any").get<std::string>("k"));
  fake.add_component({"orders", "state.redis", "", {}});
  CHECK(client.state("orders").get<std::string>("k"));
  CHECK(client.state("any").get<std::string>("k").error().reason == "DAPR_STATE_NOT_FOUND");
  CHECK(client.pubsub("any").publish("t", "x"));
  CHECK(client.metadata()->has_component("orders"));
  FakeOptions strict;
  strict.any_component = false;
  Fake empty(strict);
  CHECK(
      empty.client().blocking().state("s").get<std::string>("k").error().code ==
      Code::failed_precondition
  );
  CHECK(
      empty.client().blocking().secrets("s").get("k").error().code == Code::failed_precondition
  );
}

TEST_CASE("published messages are on record and reach subscribers", "[fake][pubsub]") {
  Fake fake;
  const auto client = fake.client();
  CHECK(client.blocking().pubsub("bus").publish("orders", "before"));
  const auto stream = client.api()->subscribe({"bus", "orders"}, {});
  std::vector<std::string> got;
  const auto read = [](TopicStream& from, std::vector<std::string>& to) -> Task<void> {
    for (;;) {
      auto event = co_await from.next();
      if (!event || !*event) co_return;
      to.push_back((*event)->data);
      (void)co_await from.answer((*event)->id, Verdict::success);
    }
  };
  spawn(read(*stream, got));
  PublishOptions options;
  options.ttl = 3s;
  CHECK(client.blocking().pubsub("bus").publish("orders", "one", options));
  CHECK(client.blocking().pubsub("bus").publish("else", "two"));
  CHECK(fake.emit("bus", "orders", "three"));
  CHECK(fake.settle());
  CHECK(got == std::vector<std::string>{"one", "three"});
  REQUIRE(fake.published("bus", "orders").size() == 2);
  CHECK(fake.published()[1].metadata.at("ttlInSeconds") == "3");
  CHECK(fake.published()[1].content_type == "text/plain; charset=utf-8");
  CHECK(fake.delivered().size() == 2);
  CHECK(client.blocking().metadata()->subscriptions.size() == 1);
  stream->cancel();
  CHECK(client.blocking().metadata()->subscriptions.empty());
}

TEST_CASE("what is answered by retry comes again, a number of times", "[fake][pubsub]") {
  FakeOptions options;
  options.deliveries_max = 3;
  Fake fake(options);
  std::optional<Result<std::optional<TopicEvent>>> event;  // outlives the stream, whose end it hears of
  const auto stream = fake.api()->subscribe({"bus", "t"}, {});
  const auto next = [&] {
    event.reset();
    then_call(stream->next(), [&](auto came) { event = std::move(came); });
  };
  next();
  REQUIRE(fake.emit("bus", "t", "x"));
  CHECK(!fake.settle(1ms));
  for (int attempt = 1; attempt <= 3; ++attempt) {
    REQUIRE(event);
    CHECK(sync_wait(stream->answer((**event)->id, Verdict::retry)));
    next();
  }
  CHECK(!event);
  CHECK(fake.settle());
  CHECK(fake.delivered("t").back().attempt == 3);
}

TEST_CASE("what is left until the deadline of a task is the limit of its calls", "[fake][script]") {
  Fake fake;
  const auto store = fake.client().state("orders");
  const auto ends = [&](std::chrono::milliseconds left, CallOptions options = {}) {
    TaskContext context;
    context.deadline = std::chrono::system_clock::now() + left;
    const auto got = sync_wait(store.get<std::string>("k", {}, std::move(options)), context);
    return got ? Code::ok : got.error().code;
  };
  CHECK(ends(10s) == Code::ok);
  CHECK(fake.calls().back().timeout <= 10s);
  CHECK(ends(-1s) == Code::deadline_exceeded);
  fake.delay({Call::get_state}, 20s, 3);
  const auto before = fake.now();
  CHECK(ends(10s) == Code::deadline_exceeded);
  CHECK(fake.now() - before <= 10s);
  CHECK(ends(30s) == Code::ok);
  CallOptions unlimited;
  unlimited.timeout = CallOptions::no_timeout;
  CHECK(ends(10s, unlimited) == Code::ok);
}

TEST_CASE("a slow call lets calls that are held reach their deadlines", "[fake][script]") {
  Fake fake;
  auto hold = fake.hold({Call::save_state});
  std::optional<Code> ended;
  CallOptions hasty;
  hasty.timeout = 2s;
  then_call(fake.client().state("s").save("k", std::string("v"), {}, hasty), [&](Result<void> done) {
    ended = done ? Code::ok : done.error().code;
  });
  CHECK(!ended);
  fake.delay({Call::get_state}, 3s);
  CHECK(fake.client().blocking().state("s").get<std::string>("k"));
  CHECK(ended == Code::deadline_exceeded);
}

TEST_CASE("a message that failed goes to the dead letter topic", "[fake][pubsub]") {
  const auto verdict = GENERATE(Verdict::retry, Verdict::drop);
  Fake fake;
  const auto api = fake.api();
  const auto dead = api->subscribe({"bus", "dead"}, {});
  const auto stream = api->subscribe({"bus", "t", {}, "dead"}, {});
  std::optional<Result<std::optional<TopicEvent>>> event, lost;
  then_call(dead->next(), [&](auto came) { lost = std::move(came); });
  then_call(stream->next(), [&](auto came) { event = std::move(came); });
  REQUIRE(fake.emit("bus", "t", "x"));
  CHECK(!lost);
  CHECK(sync_wait(stream->answer((**event)->id, verdict)));
  REQUIRE(lost);
  CHECK((**lost)->topic == "dead");
  CHECK((**lost)->data == "x");
}

TEST_CASE("a stream that breaks leaves its messages to the next", "[fake][pubsub]") {
  Fake fake;
  const auto api = fake.api();
  auto stream = api->subscribe({"bus", "t"}, {});
  std::optional<Result<std::optional<TopicEvent>>> event;
  then_call(stream->next(), [&](auto next) { event = std::move(next); });
  REQUIRE(fake.emit("bus", "t", "x"));
  REQUIRE(event);
  REQUIRE(*event);
  fake.break_streams(mecha::fail(Code::unavailable, "gone"));
  CHECK(sync_wait(stream->next()).error().message == "gone");
  CHECK(sync_wait(stream->answer((**event)->id, Verdict::success)).error().code == Code::failed_precondition);
  auto next = api->subscribe({"bus", "t"}, {});
  auto again = sync_wait(next->next());
  CHECK((*again)->id == (**event)->id);
  CHECK(sync_wait(next->answer((*again)->id, Verdict::success)));
  CHECK(fake.delivered().back().attempt == 2);
  next->cancel();
  CHECK(sync_wait(next->next()).error().code == Code::cancelled);
  fake.fail({Call::subscribe, "bus", "t"}, Code::permission_denied);
  CHECK(sync_wait(api->subscribe({"bus", "t"}, {})->next()).error().code == Code::permission_denied);
}

TEST_CASE("other applications and bindings answer as they are told", "[fake]") {
  Fake fake;
  const auto client = fake.client().blocking();
  fake.on_invoke<std::string>("stock", "reserve", [](const std::string& item) {
    return item == "none" ? Result<std::string>(mecha::fail(Code::out_of_range, "sold out"))
                          : Result<std::string>("got " + item);
  });
  CHECK(*client.app("stock").invoke<std::string>("reserve", std::string("apple")) == "got apple");
  CHECK(
      client.app("stock").invoke<std::string>("reserve", std::string("none")).error().code ==
      Code::out_of_range
  );
  CHECK(client.app("stock").get<std::string>("level").error().metadata.at("http.code") == "404");
  CHECK(client.app("other").get<std::string>("x").error().code == Code::internal);
  fake.on_binding("files", "get", [](const BindingRequest& request) -> Result<BindingResponse> {
    return BindingResponse{"content of " + request.metadata.at("fileName"), {}};
  });
  CHECK(client.binding("files").invoke("get", {{"fileName", "a"}})->data == "content of a");
  CHECK(client.binding("files").invoke("create", std::string("data")));
  REQUIRE(fake.bound("files").size() == 2);
  CHECK(fake.bound()[1].data == "data");
}

TEST_CASE("secrets and configuration are what the test set", "[fake]") {
  Fake fake;
  const auto client = fake.client();
  fake.set_secret("vault", "key", "value");
  fake.set_secret("vault", "pair", Secret{{"user", "u"}, {"password", "p"}});
  fake.set_secret("vault", "hidden", "x");
  fake.deny_secret("vault", "hidden");
  const auto vault = client.blocking().secrets("vault");
  CHECK(vault.get("key")->at("key") == "value");
  CHECK(vault.get("pair")->at("password") == "p");
  CHECK(vault.get("hidden").error().code == Code::permission_denied);
  CHECK(vault.get("absent").error().code == Code::internal);
  CHECK(vault.get_all()->size() == 2);

  fake.set_configuration("conf", "a", "1");
  const auto conf = client.configuration("conf");
  auto watch = conf.watch({"a"});
  std::optional<Result<std::optional<ConfigurationItems>>> change;
  then_call(watch.next(), [&](auto next) { change = std::move(next); });
  CHECK(!watch.id().empty());
  fake.set_configuration("conf", "b", "2");
  CHECK(!change);
  fake.set_configuration("conf", "a", "3");
  REQUIRE(change);
  CHECK((**change)->at("a").value == "3");
  CHECK(client.blocking().configuration("conf").get()->size() == 2);
  CHECK(client.blocking().configuration("conf").unsubscribe(watch.id()));
  CHECK(!*sync_wait(watch.next()));
  CHECK(
      client.blocking().configuration("conf").unsubscribe(watch.id()).error().code ==
      Code::not_found
  );
}

TEST_CASE("documents are scrambled, bound to their key, and whole or refused", "[fake][crypto]") {
  Fake fake;
  const auto crypto = fake.client().blocking().crypto("vault");
  const std::string plain(3'000'000, 'p');
  const auto document = crypto.encrypt(plain, {"k", "A256KW"});
  REQUIRE(document);
  CHECK(document->find("ppp") == std::string::npos);
  CHECK(*crypto.decrypt(*document) == plain);
  CHECK(*crypto.decrypt(*document, {"k"}) == plain);
  CHECK(crypto.decrypt(*document, {"other"}).error().code == Code::internal);
  CHECK(crypto.decrypt(document->substr(0, document->size() - 1)).error().code == Code::internal);
  CHECK(crypto.decrypt("nonsense").error().code == Code::internal);
  CHECK(crypto.decrypt("").error().code == Code::internal);
  CHECK(*crypto.decrypt(*crypto.encrypt("", {"k", "A256KW"})) == "");
  CHECK(crypto.encrypt("x", {"", "A256KW"}).error().code == Code::invalid_argument);
  CHECK(crypto.encrypt("x", {"k", "ROT13"}).error().code == Code::internal);
  fake.add_key("vault", "only");
  CHECK(crypto.encrypt("x", {"k", "A256KW"}).error().code == Code::internal);
  fake.fail({Call::decrypt, "vault"}, Code::unavailable);
  CHECK(crypto.decrypt(*document).error().code == Code::unavailable);
}

TEST_CASE("a document that nobody reads stops its writer", "[fake][crypto]") {
  Fake fake;
  auto stream = fake.api()->encrypt("vault", {"k", "A256KW"}, {});
  std::optional<Result<void>> written;
  then_call(stream->write(std::string(2'000'000, 'x')), [&](auto result) { written = result; });
  CHECK(!written);
  CHECK((*sync_wait(stream->read()))->size() > 2'000'000);
  REQUIRE(written);
  CHECK(*written);
  stream->cancel();
  CHECK(sync_wait(stream->read()).error().code == Code::cancelled);
  CHECK(!sync_wait(stream->write("x")));
}

TEST_CASE("after shutdown the sidecar is gone", "[fake]") {
  Fake fake;
  const auto client = fake.client().blocking();
  fake.set_features({"X"});
  CHECK(client.set_metadata("k", "v"));
  CHECK(client.metadata()->extended.at("k") == "v");
  CHECK(client.metadata()->has_feature("X"));
  CHECK(client.wait_until_ready(1s));
  fake.delay({Call::wait_until_ready}, 2s);
  CHECK(client.wait_until_ready(1s).error().code == Code::deadline_exceeded);
  const auto stream = fake.api()->subscribe({"bus", "t"}, {});
  std::optional<Result<std::optional<TopicEvent>>> event;
  then_call(stream->next(), [&](auto next) { event = std::move(next); });
  CHECK(client.shutdown());
  CHECK(fake.shut_down());
  CHECK(event->error().code == Code::unavailable);
  CHECK(client.metadata().error().code == Code::unavailable);
}

TEST_CASE("a client outlives its fake, and threads may share it", "[fake]") {
  std::optional<BlockingClient> client;
  {
    Fake fake;
    client = fake.client().blocking();
    const auto stream = fake.api()->subscribe({"bus", "t"}, {});
    std::atomic<int> got = 0;
    const auto read = [](TopicStream& from, std::atomic<int>& count) -> Task<void> {
      for (;;) {
        auto event = co_await from.next();
        if (!event || !*event) co_return;
        ++count;
        (void)co_await from.answer((*event)->id, Verdict::success);
      }
    };
    spawn(read(*stream, got));
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          (void)client->state("s").save(std::to_string(t) + "-" + std::to_string(i), "v");
          (void)client->pubsub("bus").publish("t", "m");
        }
      });
    }
    for (auto& thread : threads) thread.join();
    CHECK(fake.settle());
    CHECK(got == 800);
    CHECK(fake.published().size() == 800);
    CHECK(fake.count({Call::save_state}) == 800);
  }
  CHECK(client->state("s").get<std::string>("0-0")->has_value());
}

}  // namespace
}  // namespace mecha::testing
