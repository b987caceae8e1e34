#include "runtime/telemetry/http_span.hpp"

#include <map>

#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::trace {
namespace {

class Keeper final : public Exporter {
 public:
  explicit Keeper(std::vector<Finished>& kept) : kept_(kept) {}
  Async<void> send(std::shared_ptr<const std::vector<Finished>> batch) override {
    kept_ = *batch;
    co_return Result<void>{};
  }

 private:
  std::vector<Finished>& kept_;
};

struct Described {
  std::string name, remote, failure;
  std::map<std::string, std::string> tags;
};

Described described(HttpCall call, unsigned status = 200) {
  Shards shards(1);
  std::vector<Finished> kept;
  std::vector<std::unique_ptr<Exporter>> exporters;
  exporters.push_back(std::make_unique<Keeper>(kept));
  Tracer tracer(
      {.sampling_rate = "1"}, Log(), shards, std::move(exporters)
  );
  {
    Span span = tracer.start(call.path, Kind::client, {});
    describe(span, call);
    finish(span, status);
  }
  testing::run(shards.context(0), tracer.stop(std::chrono::seconds(1)));
  const Finished& span = kept.at(0);
  return {span.name, span.remote, span.failure, {span.attributes.begin(), span.attributes.end()}};
}

using Tags = std::map<std::string, std::string>;

TEST_CASE("a state call has the common attributes and those of a database", "[trace]") {
  const auto span = described({"GET", "/v1.0/state/store/a", "127.0.0.1:4711"}, 204);
  CHECK(span.name == "/v1.0/state/store/a");
  CHECK(span.remote == "127.0.0.1");
  CHECK(span.failure.empty());
  CHECK(
      span.tags ==
      Tags{
          {"dapr.api", "GET /v1.0/state/store/a"},
          {"dapr.protocol", "http"},
          {"dapr.status_code", "204"},
          {"db.connection_string", "state"},
          {"db.name", "store"},
          {"db.statement", "GET /v1.0/state/store/a"},
          {"db.system", "state"},
          {"http.request.method", "GET"},
          {"server.address", "127.0.0.1"},
          {"server.port", "4711"},
          {"url.full", "/v1.0/state/store/a"}
      }
  );
}

TEST_CASE("publishing names the system and no destination", "[trace]") {
  const auto span = described({"POST", "/v1.0/publish/bus/t", "[::1]:4711"});
  CHECK(span.tags.at("messaging.system") == "pubsub");
  CHECK(span.tags.count("messaging.destination.name") == 0);
  CHECK(span.remote == "::1");
}

TEST_CASE("an invocation is named by application and method, and fails from 400 on", "[trace]") {
  const auto span = described({"GET", "/v1.0/invoke/other/method/bad/1", "127.0.0.1:1"}, 404);
  CHECK(span.name == "CallLocal/other/bad/1");
  CHECK(span.tags.at("rpc.service") == "ServiceInvocation");
  CHECK(span.tags.at("net.peer.name") == "other");
  CHECK(span.failure == "Code(404): Not Found");
}

TEST_CASE("other routes have the common attributes only", "[trace]") {
  const auto span = described({"GET", "/v1.0/metadata", "127.0.0.1:1"});
  CHECK(span.tags.count("db.system") == 0);
  CHECK(span.tags.size() == 7);
}

}  // namespace
}  // namespace mecha::trace
