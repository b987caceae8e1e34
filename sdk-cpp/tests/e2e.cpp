// The client against a daemon, every capability that is served, with Redis behind them; played by
// tests/sdk-cpp/test_e2e.py once for each way to connect. The sidecar is the one of the
// environment.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include "catch.hpp"
#include "mecha/grpc.h"
#include "mecha/json.h"
#include "mecha/mecha.h"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/when_all.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

using namespace std::chrono_literals;

struct Order {
  std::string item;
  int quantity = 0;
  bool operator==(const Order&) const = default;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Order, item, quantity)
};

// Another one for each call: clients come and go while streams of others end.
BlockingClient client() {
  auto made = BlockingClient::connect();
  REQUIRE(made);
  return *made;
}

// Names that no other run has used: what lies behind is shared.
std::string unique(const std::string& name) {
  static std::random_device random;
  return name + "-" + std::to_string(random()) + std::to_string(random());
}

TEST_CASE("state: one key", "[e2e]") {
  const auto store = client().state("store");
  const auto key = unique("order");
  CHECK(!*store.get<Order>(key));
  REQUIRE(store.save(key, Order{"apples", 3}));
  const auto first = store.get_versioned<Order>(key);
  REQUIRE(first);
  CHECK(*first->value == Order{"apples", 3});
  WriteOptions guarded;
  guarded.etag = first->etag;
  REQUIRE(store.save(key, Order{"apples", 4}, guarded));
  CHECK(store.save(key, Order{"apples", 5}, guarded).error().code == Code::aborted);
  CHECK(store.remove(key, guarded).error().code == Code::aborted);
  WriteOptions first_write;
  first_write.concurrency = Concurrency::first_write;
  CHECK(store.save(unique("new"), Order{}, first_write));
  // Redis has no code of its own for a first write that came too late.
  const auto fresh = unique("fresh");
  WriteOptions absent;
  absent.etag = store.get_versioned<Order>(fresh)->etag;
  REQUIRE(store.save(fresh, Order{"mine", 1}, absent));
  CHECK(store.save(fresh, Order{"theirs", 2}, absent).error().code == Code::aborted);
  WriteOptions brief;
  brief.ttl = 100s;
  brief.consistency = Consistency::strong;
  REQUIRE(store.save(key, Order{"pears", 1}, brief));
  ReadOptions strong;
  strong.consistency = Consistency::strong;
  CHECK(store.get_versioned<Order>(key, strong)->value->item == "pears");
  REQUIRE(store.remove(key));
  CHECK(!*store.get<Order>(key));
  CHECK(store.get<Order>("a||b").error().reason == "DAPR_STATE_ILLEGAL_KEY");
  CHECK(client().state("none").get<Order>("k").error().code == Code::invalid_argument);
}

TEST_CASE("state: many keys", "[e2e]") {
  const auto store = client().state("store");
  const auto a = unique("a"), b = unique("b"), c = unique("c");
  REQUIRE(store.save_bulk({upsert(a, Order{"a", 1}), upsert(b, Order{"b", 2})}));
  const auto items = store.get_bulk<Order>({a, b, c}, 2);
  REQUIRE(items);
  REQUIRE(items->size() == 3);
  int found = 0;
  for (const auto& item : *items) {
    CHECK(!item.error);
    found += item.value ? item.value->quantity : 0;
    CHECK(item.value.has_value() == (item.key != c));
  }
  CHECK(found == 3);
  WriteOptions wrong;
  wrong.etag = "99";
  CHECK(store.transact({erase(a, wrong), upsert(unique("d"), Order{"d", 4})}).error().code == Code::aborted);
  REQUIRE(store.transact({upsert(c, Order{"c", 3}), erase(a)}));
  CHECK(*store.get<Order>(c));
  CHECK(!*store.get<Order>(a));
  REQUIRE(store.remove_bulk({erase(b), erase(c)}));
  CHECK(!*store.get<Order>(b));
}

TEST_CASE("state: queries", "[e2e][query]") {
  const auto store = client().state("documents");
  const auto mark = unique("mark");
  WriteOptions json;
  json.metadata["contentType"] = "application/json";
  for (int i = 0; i < 5; ++i) REQUIRE(store.save(mark + std::to_string(i), Order{mark, i}, json));
  const auto ask = [&](const std::string& token) {
    return store.query<Order>(
        R"({"filter":{"EQ":{"item":")" + mark + R"("}},"sort":[{"key":"quantity"}],"page":{"limit":3)" +
        (token.empty() ? "" : R"(,"token":")" + token + "\"") + "}}"
    );
  };
  const auto first = ask("");
  REQUIRE(first);
  REQUIRE(first->items.size() == 3);
  CHECK(first->items[2].value->quantity == 2);
  const auto rest = ask(first->token);
  REQUIRE(rest);
  CHECK(rest->items.size() == 2);
  CHECK(client().state("store").query<Order>("{}").error().code == Code::internal);
}

Task<Result<std::vector<std::string>>> take(TopicStream& stream, std::size_t count, Verdict first) {
  std::vector<std::string> got;
  while (got.size() < count) {
    auto event = co_await stream.next();
    if (!event) co_return std::move(event).error();
    if (!*event) co_return fail(Code::unavailable, "the stream ended");
    const auto verdict = got.empty() ? first : Verdict::success;
    got.push_back((*event)->data);
    auto told = co_await stream.answer((*event)->id, verdict);
    if (!told) co_return std::move(told).error();
  }
  co_return got;
}

// A subscription counts from its consent on, which `next` waits for; messages must come after it.
Task<Result<void>> publish_when_open(Client from, std::string topic, std::vector<std::string> texts) {
  for (;;) {
    auto info = co_await from.metadata();
    if (!info) co_return std::move(info).error();
    bool open = false;
    for (const auto& subscription : info->subscriptions) open |= subscription.topic == topic;
    if (open) break;
  }
  for (const auto& text : texts) {
    auto sent = co_await from.pubsub("bus").publish(topic, text);
    if (!sent) co_return std::move(sent).error();
  }
  co_return Result<void>();
}

std::vector<std::string> pass(std::vector<std::string> texts, std::size_t count, Verdict first) {
  const auto topic = unique("t");
  const auto from = client().async();
  const auto stream = from.api()->subscribe({"bus", topic}, {});
  auto both = sync_wait(when_all(take(*stream, count, first), publish_when_open(from, topic, texts)));
  REQUIRE(both.second);
  REQUIRE(both.first);
  return *both.first;
}

TEST_CASE("pub/sub: messages come on a stream, in order, and again when they are to be", "[e2e]") {
  using Texts = std::vector<std::string>;
  CHECK(pass({"one", "two", "three"}, 3, Verdict::success) == Texts{"one", "two", "three"});
  const auto again = pass({"one", "two"}, 3, Verdict::retry);
  CHECK(std::count(again.begin(), again.end(), "one") == 2);
  const auto topic = unique("t");
  const auto dead = client().async().api()->subscribe({"bus", topic + "-dead"}, {});
  auto lost = when_all(take(*dead, 1, Verdict::success), publish_when_open(client().async(), topic + "-dead", {}));
  const auto stream = client().async().api()->subscribe({"bus", topic, {}, topic + "-dead"}, {});
  auto dropped = when_all(take(*stream, 1, Verdict::drop), publish_when_open(client().async(), topic, {"bad"}));
  auto all = sync_wait(when_all(std::move(lost), std::move(dropped)));
  REQUIRE(all.first.first);
  CHECK(all.first.first->front() == "bad");
}

TEST_CASE("pub/sub: many at once, typed, raw", "[e2e]") {
  const auto bus = client().pubsub("bus");
  const auto topic = unique("t");
  const auto stream = client().async().api()->subscribe({"bus", topic}, {});
  auto got = sync_wait(when_all(
      take(*stream, 2, Verdict::success),
      [](Client from, std::string to) -> Task<Result<std::vector<FailedEntry>>> {
        auto open = co_await publish_when_open(from, to, {});
        if (!open) co_return std::move(open).error();
        co_return co_await from.pubsub("bus").publish_bulk(
            to, {bulk_entry("1", Order{"a", 1}), bulk_entry("2", Order{"b", 2})}
        );
      }(client().async(), topic)
  ));
  REQUIRE(got.first);
  REQUIRE(got.second.has_value());
  CHECK(got.second->empty());
  CHECK(got.first->front() == R"({"item":"a","quantity":1})");
  PublishOptions raw;
  raw.raw = true;
  raw.ttl = 5s;
  CHECK(bus.publish(unique("t"), Order{"c", 3}, raw));
  CHECK(client().pubsub("none").publish("t", "x").error().reason == "DAPR_PUBSUB_NOT_FOUND");
}

TEST_CASE("invocation: values, errors, limits, traces", "[e2e]") {
  const auto app = client().app("other");
  CHECK(*app.invoke<Order>("echo", Order{"apples", 3}) == Order{"apples", 3});
  CHECK(*app.get<std::string>("query", "a=1&b=2") == "a=1&b=2");
  const auto refused = app.invoke<Order>("refuse", Order{});
  REQUIRE(!refused);
  CHECK(refused.error().metadata.at("http.code") == "418");
  CallOptions hasty;
  hasty.timeout = 200ms;
  const auto late = app.invoke<Order>("slow", Order{}, {}, hasty);
  REQUIRE(!late);
  // The sidecar has the same limit; its word on the call that it gave up may come first.
  CHECK((late.error().code == Code::deadline_exceeded || late.error().code == Code::internal));
  CallOptions traced;
  const std::string id = "0af7651916cd43dd8448eb211c80319c";
  traced.trace = std::make_shared<TraceContext>(
      TraceContext{"00-" + id + "-b7ad6b7169203331-01", "vendor=1", "user=me"}
  );
  const auto seen = app.get<std::string>("trace", {}, traced);
  REQUIRE(seen);
  CHECK(seen->find(id) != std::string::npos);
  CHECK(!client().app("nobody").get<std::string>("x"));
}

TEST_CASE("bindings: a database, files, and the web", "[e2e]") {
  const auto key = unique("bound");
  const auto redis = client().binding("redis");
  REQUIRE(redis.invoke("create", std::string("value"), {{"key", key}}));
  CHECK(redis.invoke("get", {{"key", key}})->data.find("value") != std::string::npos);
  CHECK(redis.invoke("delete", {{"key", key}}));
  const auto files = client().binding("files");
  REQUIRE(files.invoke("create", std::string("content"), {{"fileName", key}}));
  CHECK(files.invoke("get", {{"fileName", key}})->data == "content");
  const auto web = client().binding("web").invoke("get", {{"path", "/page"}});
  REQUIRE(web);
  CHECK(web->data == "a page");
  CHECK(web->metadata.at("statusCode") == "200");
  CHECK(client().binding("none").invoke("get").error().reason == "ERR_INVOKE_OUTPUT_BINDING");
  CHECK(redis.invoke("dance").error().code == Code::internal);
}

TEST_CASE("secrets: one, all, and what may not be read", "[e2e]") {
  const auto vault = client().secrets("vault");
  CHECK(vault.get("password")->at("password") == "secret");
  CHECK(vault.get("hidden").error().code == Code::permission_denied);
  const auto all = vault.get_all();
  REQUIRE(all);
  CHECK(all->contains("password"));
  CHECK(!all->contains("hidden"));
  CHECK(vault.get("absent").error().code == Code::internal);
}

TEST_CASE("configuration: read and watched", "[e2e]") {
  const auto conf = client().configuration("conf");
  const auto setter = client().binding("redis");
  const auto key = unique("item");
  REQUIRE(setter.invoke("create", std::string("v1||7"), {{"key", key}}));
  const auto items = conf.get({key});
  REQUIRE(items);
  CHECK(items->at(key).value == "v1");
  CHECK(items->at(key).version == "7");
  auto watch = client().async().configuration("conf").watch({key});
  const auto change = [](Client from, std::string of, std::atomic<bool>& stop) -> Task<Result<void>> {
    for (int i = 0; !stop; ++i)
      (void)co_await from.binding("redis").invoke("create", "changed " + std::to_string(i), {{"key", of}});
    co_return Result<void>();
  };
  std::atomic<bool> stop = false;
  const auto next = [](auto& from, std::atomic<bool>& to) -> Task<Result<std::optional<ConfigurationItems>>> {
    auto items = co_await from.next();
    to = true;
    co_return items;
  };
  auto both = sync_wait(when_all(next(watch, stop), change(client().async(), key, stop)));
  REQUIRE(both.first);
  CHECK((**both.first).at(key).value.starts_with("changed"));
  REQUIRE(conf.unsubscribe(watch.id()));
  auto end = sync_wait(watch.next());
  while (end && *end) end = sync_wait(watch.next());
  CHECK(end);
  CHECK(conf.unsubscribe(watch.id()).error().code == Code::not_found);
}

TEST_CASE("locks: one owner at a time", "[e2e]") {
  const auto locks = client().lock("locks");
  const auto resource = unique("r");
  CHECK(*locks.try_lock(resource, "me", 30s));
  CHECK(!*locks.try_lock(resource, "you", 30s));
  CHECK(*locks.unlock(resource, "you") == UnlockStatus::belongs_to_others);
  CHECK(*locks.unlock(resource, "me") == UnlockStatus::success);
  CHECK(*locks.unlock(resource, "me") == UnlockStatus::does_not_exist);
  CHECK(locks.try_lock(resource, "me", 0s).error().code == Code::invalid_argument);
}

Task<Result<void>> write_all(BasicCryptoStream<Async>& to, const std::string& text) {
  constexpr std::size_t piece = 300'000;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    auto written = co_await to.write(text.substr(at, piece));
    if (!written) co_return std::move(written).error();
  }
  co_return co_await to.finish();
}

Task<Result<std::string>> read_all(BasicCryptoStream<Async>& from) {
  std::string text;
  for (;;) {
    auto piece = co_await from.read();
    if (!piece) co_return std::move(piece).error();
    if (!*piece) co_return text;
    text += **piece;
  }
}

std::string through(BasicCryptoStream<Async> stream, const std::string& text) {
  auto both = sync_wait(when_all(write_all(stream, text), read_all(stream)));
  REQUIRE(both.first);
  REQUIRE(both.second);
  return *both.second;
}

TEST_CASE("cryptography: a large document, piece by piece", "[e2e]") {
  std::mt19937 random(7);
  std::string plain(20'000'000, '\0');
  for (auto& c : plain) c = static_cast<char>(random());
  const auto crypto = client().async().crypto("crypto");
  const auto document = through(crypto.encrypt_stream({"k1", "A256KW"}), plain);
  CHECK(document.size() > plain.size());
  CHECK(through(crypto.decrypt_stream(), document) == plain);
  const auto whole = client().crypto("crypto");
  CHECK(whole.decrypt(document.substr(0, document.size() - 5)).error().code == Code::internal);
  CHECK(*whole.decrypt(*whole.encrypt("short", {"k1", "A256KW", "chacha20-poly1305"})) == "short");
}

TEST_CASE("the sidecar: metadata and readiness", "[e2e]") {
  const auto sidecar = client();
  REQUIRE(sidecar.wait_until_ready(10s));
  const auto key = unique("key");
  REQUIRE(sidecar.set_metadata(key, "value"));
  const auto info = sidecar.metadata();
  REQUIRE(info);
  CHECK(info->app_id == "app");
  CHECK(info->extended.at(key) == "value");
  CHECK(info->has_component("store"));
  CHECK(!info->has_component("none"));
  CHECK(!info->runtime_version.empty());
}

TEST_CASE("a call of another application's own service goes through the sidecar", "[e2e]") {
  const auto channel = proxy_channel("grpc-app");
  REQUIRE(channel);
  const auto slice = grpc::Slice("hello");
  const grpc::ByteBuffer message(&slice, 1);
  grpc::ByteBuffer answer;
  grpc::ClientContext call;
  call.set_deadline(std::chrono::system_clock::now() + 20s);
  const grpc::internal::RpcMethod method("/test.Echo/Unary", grpc::internal::RpcMethod::NORMAL_RPC);
  const auto status = grpc::internal::BlockingUnaryCall(channel->get(), method, &call, message, &answer);
  INFO(status.error_message());
  REQUIRE(status.ok());
  grpc::Slice back;
  REQUIRE(answer.DumpToSingleSlice(&back).ok());
  CHECK(std::string(back.begin(), back.end()) == "hello");
}

TEST_CASE("a wrong token is refused", "[e2e][token]") {
  ClientOptions options;
  options.api_token = "wrong";
  const auto stranger = BlockingClient::connect(options);
  REQUIRE(stranger);
  CHECK(stranger->state("store").get<std::string>("k").error().code == Code::unauthenticated);
  CHECK(stranger->wait_until_ready(10s).error().code == Code::unauthenticated);
}

std::string file(const std::string& name) {
  const char* folder = std::getenv("E2E_CERTIFICATES");
  REQUIRE(folder != nullptr);
  std::ifstream in(std::string(folder) + "/" + name);
  std::ostringstream text;
  text << in.rdbuf();
  REQUIRE(!text.str().empty());
  return text.str();
}

TEST_CASE("TLS: only who is trusted, by its name", "[.tls]") {
  grpc::SslServerCredentialsOptions own;
  own.pem_key_cert_pairs.push_back({file("server.key"), file("server.pem")});
  ScriptedServer server("127.0.0.1:0", grpc::SslServerCredentials(own));
  dapr::proto::runtime::v1::GetStateResponse answer;
  answer.set_data("over TLS");
  server.answer("GetState", Reply::with(answer));
  const auto get = [&](const ClientOptions& options) {
    return BlockingClient::connect(options)->state("s").get<std::string>("k");
  };
  auto options = server.options();
  options.tls = TlsOptions{file("server.pem"), {}, {}, {}};
  const auto value = get(options);
  INFO((value ? std::string() : value.error().to_string()));
  CHECK(**value == "over TLS");
  options.tls->server_name = "sidecar.test";
  CHECK(get(options));
  options.tls->server_name = "another.test";
  CHECK(get(options).error().code == Code::unavailable);
  options.tls = TlsOptions{file("other.pem"), {}, {}, {}};
  CHECK(get(options).error().code == Code::unavailable);
  options.tls.reset();
  CHECK(get(options).error().code == Code::unavailable);
  CHECK(server.calls("GetState") == 2);
}

TEST_CASE("the sidecar ends when it is asked to", "[e2e][.last]") {
  const auto ended = client().shutdown();
  INFO((ended ? std::string() : ended.error().to_string()));
  REQUIRE(ended);
  const auto hasty = [] {
    CallOptions options;
    options.timeout = 2s;
    return options;
  };
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < end) {
    const auto info = client().metadata(hasty());
    if (!info) {
      CHECK(info.error().code == Code::unavailable);
      return;
    }
  }
  FAIL("it is still there");
}

}  // namespace
}  // namespace mecha::test
