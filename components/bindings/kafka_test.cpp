// bindings.kafka against the cluster that the client library plays by itself; joining its groups
// takes seconds ([.slow]).

#include <array>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "components/catalog.hpp"
#include "runtime/async/within.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"

namespace mecha::bindings {
void register_kafka(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using namespace std::chrono_literals;
using conformance::BindingBench;

namespace {

class Cluster {
 public:
  Cluster() {
    std::array<char, 256> text{};
    auto* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", text.data(), text.size());
    handle_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text.data(), text.size());
    REQUIRE(handle_ != nullptr);
    cluster_ = rd_kafka_mock_cluster_new(handle_, 1);
    REQUIRE(cluster_ != nullptr);
    for (const auto* topic : {"one", "two"}) rd_kafka_mock_topic_create(cluster_, topic, 2, 1);
  }
  ~Cluster() {
    rd_kafka_mock_cluster_destroy(cluster_);
    rd_kafka_destroy(handle_);
  }
  BindingBench bench(BindingBench::Settings more = {}) const {
    BindingBench::Settings settings{
        {"brokers", rd_kafka_mock_cluster_bootstraps(cluster_)}, {"authType", "none"}
    };
    settings.merge(more);
    return {register_kafka, "bindings.kafka", std::move(settings)};
  }

 private:
  rd_kafka_t* handle_;
  rd_kafka_mock_cluster_t* cluster_;
};

struct Seen {
  std::vector<InputEvent> events;
  int failures = 0;
};

Async<std::string> keep(std::shared_ptr<Seen> seen, InputEvent event) {
  seen->events.push_back(std::move(event));
  if (seen->failures-- > 0) co_return fail(Code::unavailable, "refused");
  co_return std::string();
}

asio::awaitable<void> wait_for(std::shared_ptr<Seen> seen, std::size_t wanted) {
  for (int i = 0; i < 4000 && seen->events.size() < wanted; ++i) co_await sleep_for(5ms);
}

asio::awaitable<void> read(BindingBench& kafka, std::shared_ptr<Seen> seen) {
  const auto started = co_await kafka.input().read([seen](InputEvent event) {
    return keep(seen, std::move(event));
  });
  INFO((started ? std::string() : started.error().message));
  REQUIRE(started.has_value());
}

}  // namespace

TEST_CASE("bindings.kafka keeps the output contract", "[bindings][kafka]") {
  const Cluster cluster;
  auto kafka = cluster.bench({{"publishTopic", "one"}});
  kafka.start();
  conformance::output_binding(
      kafka,
      {
          .operations = {"create"},
          .works = {.operation = "create", .data = "{}", .metadata = {{"partitionKey", "k"}}},
          .place = {},
      }
  );
  CHECK(!kafka.invoke("create", "x").answered);
  CHECK(
      kafka.refusal("create", "x", {{"partitionNumber", "-1"}}) == "invalid partition number: -1"
  );
}

TEST_CASE(
    "what is created comes in as an event, failed ones are left behind", "[bindings][kafka][.slow]"
) {
  const Cluster cluster;
  auto kafka =
      cluster.bench({{"topics", "one,two"}, {"publishTopic", "two"}, {"consumerGroup", "g"}});
  kafka.start();
  auto seen = std::make_shared<Seen>();
  seen->failures = 1;
  kafka.run(read(kafka, seen));
  const Metadata metadata{{"partitionKey", "k"}, {"a", "b"}};
  for (const auto* data : {"first", "second", "null"})
    CHECK(!kafka.invoke("create", data, metadata).error);
  kafka.run(wait_for(seen, 3));
  REQUIRE(seen->events.size() == 3);
  CHECK(seen->events[0].data == "first");
  CHECK(seen->events[1].data == "second");
  CHECK(seen->events[2].data == "null");
  const auto& got = seen->events[0].metadata;
  CHECK(got.at("a") == "b");
  CHECK(got.at("__key") == "k");
  CHECK(got.at("__topic") == "two");
  CHECK(got.at("__offset") == "0");
  CHECK(got.count("__partition") + got.count("__timestamp") == 2);
  kafka.run(kafka.input().stop_reading(1s));
}

TEST_CASE("retries can be switched on", "[bindings][kafka][.slow]") {
  const Cluster cluster;
  auto kafka = cluster.bench(
      {{"topics", "one"},
       {"publishTopic", "one"},
       {"consumerGroup", "g"},
       {"consumeRetryEnabled", "true"},
       {"backOffDuration", "10ms"}}
  );
  kafka.start();
  auto seen = std::make_shared<Seen>();
  seen->failures = 2;
  kafka.run(read(kafka, seen));
  CHECK(!kafka.invoke("create", "x").error);
  kafka.run(wait_for(seen, 3));
  CHECK(seen->events.size() == 3);
  kafka.run(kafka.input().stop_reading(1s));
}

TEST_CASE("without topics it is idle, without a group it says so", "[bindings][kafka]") {
  const Cluster cluster;
  auto idle = cluster.bench();
  idle.start();
  auto seen = std::make_shared<Seen>();
  idle.run(read(idle, seen));
  CHECK(idle.refusal("create", "x") == "kafka error: publishTopic is missing");
  auto alone = cluster.bench({{"topics", "one"}});
  alone.start();
  const auto refused = [](BindingBench& bench) -> asio::awaitable<void> {
    const auto started = co_await bench.input().read([](InputEvent) -> Async<std::string> {
      co_return std::string();
    });
    REQUIRE(!started);
    CHECK(started.error().message == "kafka error: consumerGroup is missing");
  };
  alone.run(refused(alone));
}

TEST_CASE("settings of bindings.kafka are checked", "[bindings][kafka]") {
  BindingBench none(register_kafka, "bindings.kafka", {});
  CHECK(none.start_error() == "kafka error: missing 'brokers' attribute");
  BindingBench type(register_kafka, "bindings.kafka", {{"brokers", "127.0.0.1:1"}});
  CHECK(type.start_error() == "kafka error: 'authType' attribute was missing or empty");
}
