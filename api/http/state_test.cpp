// The state API over HTTP on the in-memory store: statuses, headers and texts, with a request that is made by hand.

#include "api/http/state.hpp"

#include <algorithm>

#include "components/catalog.hpp"
#include "runtime/app/application.hpp"
#include "runtime/capabilities/state/state.hpp"
#include "runtime/resilience/policies.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::state {
void register_in_memory(Catalog& catalog);
}

using namespace mecha;

namespace {

class FakeExchange final : public net::Exchange {
 public:
  FakeExchange(net::RequestHead head, std::string body) : head_(std::move(head)), body_(std::move(body)) {}

  const net::RequestHead& request() const override { return head_; }
  net::BodyReader& body() override { return body_; }
  const net::PeerInfo& peer() const override { return peer_; }
  Async<void> respond(net::ResponseHead head, std::string text) override {
    answer = std::move(head);
    answer_body = std::move(text);
    co_return Result<void>{};
  }
  Async<void> start(net::ResponseHead) override { co_return Result<void>{}; }
  Async<void> write(std::string_view) override { co_return Result<void>{}; }
  Async<void> finish(net::Headers) override { co_return Result<void>{}; }
  bool started() const override { return answer.status != 0; }
  unsigned status() const override { return answer.status; }
  std::uint64_t sent_bytes() const override { return 0; }
  std::uint64_t received_bytes() const override { return 0; }
  void abort() override {}
  void close_after() override {}
  void on_disconnect(std::function<void()>) override {}
  void cancel_handler() override {}

  net::ResponseHead answer{.status = 0};
  std::string answer_body;

 private:
  net::RequestHead head_;
  net::TextBody body_;
  net::PeerInfo peer_;
};

struct Answer {
  unsigned status = 0;
  std::string body;
  std::string etag;
  std::string expiry;
  std::string content_type;
};

// A store that can do nothing but be there.
class PlainStore final : public state::StateStore {
 public:
  Async<std::optional<state::Item>> get(state::GetRequest) override {
    co_return state::Item{.data = "not json", .etag = "1"};
  }
  Async<void> set(state::SetRequest) override { co_return fail(Code::unavailable, "gone"); }
  Async<void> remove(state::DeleteRequest) override { co_return fail(Code::unavailable, "gone"); }
};

class Bench {
 public:
  Bench() : app_(shards_, {.id = "app"}, {}, nullptr) {
    snapshot_ = std::make_shared<Snapshot>();
    snapshot_->resiliency = std::make_shared<resilience::Policies>();
  }
  ~Bench() {
    for (auto& [name, loaded] : snapshot_->state_stores) {
      if (loaded.instance) testing::run(shards_.context(0), loaded.instance->stop());
    }
  }

  Bench& memory(const std::string& name = "mem") {
    Catalog catalog;
    state::register_in_memory(catalog);
    auto spec = std::make_shared<ComponentSpec>(ComponentSpec{.name = name, .type = "state.in-memory"});
    const ComponentContext context{
        .shards = shards_, .name = name, .type = spec->type, .app_id = "app", .name_space = {}, .log = {}};
    add(spec, std::dynamic_pointer_cast<state::StateStore>(catalog.make(*spec, context).value()));
    return *this;
  }
  Bench& plain(const std::string& name) {
    add(std::make_shared<ComponentSpec>(ComponentSpec{.name = name}), std::make_shared<PlainStore>());
    return *this;
  }
  Bench& failed(const std::string& name) {
    auto& loaded = snapshot_->state_stores[name];
    loaded.spec = std::make_shared<ComponentSpec>(ComponentSpec{.name = name});
    loaded.state = ComponentState::failed;
    loaded.error.message = "no route";
    return *this;
  }

  Answer ask(std::string method, const std::string& target, std::string body = {}, net::Headers headers = {}) {
    net::RequestHead head{.method = method, .target = target, .headers = std::move(headers)};
    FakeExchange exchange(std::move(head), std::move(body));
    RequestScope scope(app_, snapshot_, Face::http);
    api::HttpRequest request{scope, exchange, {}};
    const auto routes = api::state_routes(capability_);
    const auto& route = pick(routes, method, exchange.request().path(), request.parameters);
    testing::run(shards_.context(0), route.handler(request));
    const auto& h = exchange.answer.headers;
    return {
        exchange.answer.status,
        exchange.answer_body,
        std::string(h.value_or("etag")),
        std::string(h.value_or("metadata.ttlexpiretime")),
        std::string(h.value_or("content-type"))};
  }

 private:
  void add(std::shared_ptr<const ComponentSpec> spec, std::shared_ptr<state::StateStore> store) {
    auto& loaded = snapshot_->state_stores[spec->name];
    loaded.spec = spec;
    loaded.instance = std::move(store);
    loaded.state = ComponentState::ready;
  }

  // By the number of segments; the router has tests of its own.
  static const api::HttpRoute& pick(
      const std::vector<api::HttpRoute>& routes, const std::string& method, std::string_view path,
      std::vector<std::string>& parameters
  ) {
    const auto parts = text::split(path, '/');
    const std::string_view last = parts.size() > 4 ? parts[4] : std::string_view();
    const bool fixed = method == "POST" && !last.empty();
    for (const auto& route : routes) {
      const auto pattern = text::split(route.pattern, '/');
      if (pattern.size() != parts.size() || std::ranges::count(route.methods, method) == 0) continue;
      if (fixed && pattern[4] != last) continue;
      parameters.emplace_back(parts[3]);
      if (!fixed && !last.empty()) parameters.emplace_back(last);
      return route;
    }
    FAIL("no route for " << method << " " << path);
    return routes.front();
  }

  Shards shards_{1};
  Application app_;
  std::shared_ptr<Snapshot> snapshot_;
  state::StateCapability capability_;
};

std::string message(const Answer& answer) {
  return std::string(json::parse(answer.body).value().text("message"));
}

}  // namespace

TEST_CASE("save, get and delete answer as the contract says", "[http][state]") {
  Bench bench;
  bench.memory();
  const auto saved = bench.ask("POST", "/v1.0/state/mem", R"([{"KEY":"k","Value":{"b":1,"a":"x"}}] trailing)");
  CHECK(saved.status == 204);
  CHECK(saved.body == "");
  CHECK(saved.content_type == "");
  const auto got = bench.ask("GET", "/v1.0/state/mem/k");
  CHECK(got.status == 200);
  CHECK(got.body == R"({"a":"x","b":1})");
  CHECK(got.content_type == "application/json");
  CHECK(got.etag.size() == 36);
  CHECK(bench.ask("GET", "/v1.0/state/mem/none").status == 204);
  CHECK(bench.ask("DELETE", "/v1.0/state/mem/k", {}, {{"If-Match", "wrong"}}).status == 409);
  CHECK(bench.ask("DELETE", "/v1.0/state/mem/k", {}, {{"If-Match", got.etag}}).status == 204);
  CHECK(bench.ask("GET", "/v1.0/state/mem/k").status == 204);
  for (const auto* nothing : {"[]", "null", " \n[ ]"}) CHECK(bench.ask("POST", "/v1.0/state/mem", nothing).status == 204);
}

TEST_CASE("what is no list of items is 400 with the parser's text", "[http][state]") {
  Bench bench;
  bench.memory();
  for (const auto* body : {
           "", "{}", "nope", R"([{"key":"k1")", R"([{"key":"k","etag":5}])", R"([{"key":5}])", R"([7])",
           R"([{"key":"k","metadata":{"ttlInSeconds":5}}])", R"([{"key":"k","options":"strong"}])",
           R"([{"key":"k","value":1e400}])", "\xEF\xBB\xBF[]"}) {
    INFO(body);
    const auto answer = bench.ask("POST", "/v1.0/state/mem", body);
    CHECK(answer.status == 400);
    CHECK(json::parse(answer.body).value().text("errorCode") == "ERR_MALFORMED_REQUEST");
    CHECK(message(answer) != "");
  }
  for (const auto* body : {R"([{"value":1}])", "[null]", R"([{"key":"a","value":1},{"key":""}])"}) {
    CHECK(
        bench.ask("POST", "/v1.0/state/mem", body).body ==
        R"({"errorCode":"ERR_MALFORMED_REQUEST","message":"\"key\" is a required field"})"
    );
  }
  CHECK(bench.ask("GET", "/v1.0/state/mem/a").status == 204);
}

TEST_CASE("failures of several items join as the contract says", "[http][state]") {
  Bench bench;
  bench.memory();
  const std::string prefix = "failed saving state in state store mem: ";
  const std::string etag = "possible etag mismatch. error from state store: ";
  const std::string absent = "state not exist or expired for key=app||";
  const auto both = bench.ask("POST", "/v1.0/state/mem", R"([{"key":"a","etag":"1"},{"key":"b","etag":"2"}])");
  CHECK(both.status == 409);
  CHECK(message(both) == prefix + etag + etag + absent + "a\n" + etag + absent + "b");
  const auto mixed = bench.ask(
      "POST", "/v1.0/state/mem", R"([{"key":"a","metadata":{"ttlInSeconds":"x"}},{"key":"b","etag":"2"}])"
  );
  CHECK(mixed.status == 409);
  CHECK(message(mixed) == prefix + etag + absent + "b");
  const auto other = bench.ask("POST", "/v1.0/state/mem", R"([{"key":"a","options":{"concurrency":"x"}},{"key":"b"}])");
  CHECK(other.status == 500);
  CHECK(message(other) == prefix + "unrecognized concurrency model 'x'");
  CHECK(bench.ask("GET", "/v1.0/state/mem/b").status == 200);
}

TEST_CASE("query metadata wins over that of the items", "[http][state]") {
  Bench bench;
  bench.memory();
  const std::string body = R"([{"key":"k","value":1,"metadata":{"ttlInSeconds":"x"}}])";
  CHECK(bench.ask("POST", "/v1.0/state/mem?metadata.ttlInSeconds=100", body).status == 204);
  CHECK(bench.ask("GET", "/v1.0/state/mem/k").expiry.size() == 20);
  CHECK(bench.ask("POST", "/v1.0/state/mem?Metadata.ttlInSeconds=100", body).status == 500);
}

TEST_CASE("bulk get keeps shape and order", "[http][state]") {
  Bench bench;
  bench.memory();
  CHECK(bench.ask("POST", "/v1.0/state/mem", R"([{"key":"a","value":{"x":"<y>"}}])").status == 204);
  const auto answer = bench.ask("POST", "/v1.0/state/mem/bulk", R"({"keys":["m","a","m"]})");
  const auto etag = bench.ask("GET", "/v1.0/state/mem/a").etag;
  CHECK(
      answer.body ==
      R"([{"key":"m"},{"key":"a","data":{"x":"\u003cy\u003e"},"etag":")" + etag + "\"},{\"key\":\"m\"}]\n"
  );
  for (const auto* none : {"{}", "null", R"({"keys":[]})"}) CHECK(bench.ask("POST", "/v1.0/state/mem/bulk", none).body == "[]\n");
  for (const auto* bad : {"", "[]", R"({"keys":"a"})", R"({"keys":[1]})", R"({"keys":["a"],"parallelism":"2"})"}) {
    const auto refused = bench.ask("POST", "/v1.0/state/mem/bulk", bad);
    CHECK(refused.status == 400);
    CHECK(message(refused).starts_with("failed deserializing HTTP body: "));
  }
}

TEST_CASE("a transaction is all or nothing and never 409", "[http][state]") {
  Bench bench;
  bench.memory();
  const auto run = [&](const std::string& operations) {
    return bench.ask("POST", "/v1.0/state/mem/transaction", R"({"operations":)" + operations + "}");
  };
  CHECK(run(R"([{"operation":"upsert","request":{"key":"a","value":1}},{"operation":"delete","request":{"key":"b"}}])").status == 204);
  const auto conflict = run(R"([{"operation":"upsert","request":{"key":"c"}},{"operation":"delete","request":{"key":"a","etag":"x"}}])");
  CHECK(conflict.status == 500);
  CHECK(message(conflict).starts_with("error while executing state transaction: possible etag mismatch. "));
  CHECK(bench.ask("GET", "/v1.0/state/mem/c").status == 204);
  CHECK(
      run(R"([{"operation":"Upsert","request":{"key":"a"}}])").body ==
      R"({"errorCode":"ERR_NOT_SUPPORTED_STATE_OPERATION","message":"operation type Upsert not supported"})"
  );
  CHECK(run("[null]").body.find("operation type  not supported") != std::string::npos);
  CHECK(run(R"([{"operation":"upsert"}])").status == 204);
  CHECK(run("[]").status == 204);
  CHECK(message(run("{}")).starts_with("failed deserializing HTTP body: "));
  const auto key = run(R"([{"operation":"delete","request":{"key":"a||b"}}])");
  CHECK(key.status == 400);
  CHECK(key.body.find("\"field\"") == std::string::npos);
}

TEST_CASE("the separator in a key is refused with details", "[http][state]") {
  Bench bench;
  bench.memory();
  const std::string text = "api error: code = InvalidArgument desc = input key/keyPrefix 'a||b' can't contain '||'";
  for (const auto& answer : {
           bench.ask("GET", "/v1.0/state/mem/a||b"), bench.ask("DELETE", "/v1.0/state/mem/a||b"),
           bench.ask("POST", "/v1.0/state/mem", R"([{"key":"a||b"}])"),
           bench.ask("POST", "/v1.0/state/mem/bulk", R"({"keys":["a||b"]})")}) {
    CHECK(answer.status == 400);
    CHECK(message(answer) == text);
    CHECK(answer.body.find(R"("field":"a||b")") != std::string::npos);
    CHECK(answer.body.find(R"("metadata":null,"reason":"DAPR_STATE_ILLEGAL_KEY")") != std::string::npos);
  }
}

TEST_CASE("stores that are not there", "[http][state]") {
  Bench bench;
  CHECK(
      bench.ask("GET", "/v1.0/state/s/k").body ==
      R"({"errorCode":"ERR_STATE_STORE_NOT_CONFIGURED","message":"state store s is not configured","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"dapr.io","metadata":{"appID":"app"},"reason":"DAPR_STATE_NOT_CONFIGURED"}]})"
  );
  bench.memory().failed("late");
  const auto unknown = bench.ask("POST", "/v1.0/state/s", "nope");
  CHECK(unknown.status == 400);
  CHECK(message(unknown) == "state store s is not found");
  const auto query = bench.ask("POST", "/v1.0-alpha1/state/s/query", "{}");
  CHECK(query.body.find(R"("metadata":null)") != std::string::npos);
  const auto late = bench.ask("GET", "/v1.0/state/late/k");
  CHECK(message(late) == "state store late is not found");
  CHECK(late.body.find("no route") != std::string::npos);
}

TEST_CASE("stores that cannot", "[http][state]") {
  Bench bench;
  bench.memory().plain("plain");
  const auto transaction = bench.ask("POST", "/v1.0/state/plain/transaction", "nope");
  CHECK(transaction.status == 500);
  CHECK(message(transaction) == "state store plain doesn't support transactions");
  const auto query = bench.ask("POST", "/v1.0-alpha1/state/mem/query", "x");
  CHECK(query.status == 500);
  CHECK(message(query) == "state store does not support querying");
  const auto set = bench.ask("POST", "/v1.0/state/plain", R"([{"key":"a"},{"key":"b"}])");
  CHECK(set.status == 500);
  CHECK(message(set) == "failed saving state in state store plain: gone\ngone");
  // What is no JSON cannot be embedded; the others of the answer still can.
  const auto bulk = bench.ask("POST", "/v1.0/state/plain/bulk", R"({"keys":["a"]})");
  CHECK(bulk.body == "[{\"key\":\"a\",\"etag\":\"1\",\"error\":\"the stored value is not JSON: read it with a single get\"}]\n");
}
