// Results, errors and codecs.

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/duration.pb.h>

#include "catch.hpp"
#include "mecha/json.h"
#include "mecha/mecha.h"
#include "mecha/protobuf.h"
#include "mecha/testing/fake.h"

namespace {

struct Order {
  std::string id;
  int count = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, id, count)

struct Moody {};

}  // namespace

template <>
struct mecha::Codec<Moody> {
  static constexpr std::string_view content_type = "x/moody";
  static Result<std::string> encode(const Moody&) { throw std::runtime_error("not today"); }
  static Result<Moody> decode(std::string_view) { throw 1; }
};

namespace mecha {
namespace {

TEST_CASE("a result holds a value or an error", "[values]") {
  Result<int> good = 3;
  REQUIRE(good);
  CHECK(*good == 3);
  CHECK(good.value_or(4) == 3);
  Result<int> bad = fail(Code::not_found, "no such thing");
  REQUIRE(!bad);
  CHECK(bad.error().code == Code::not_found);
  CHECK(bad.value_or(4) == 4);
  CHECK(bad.error().to_string() == "NOT_FOUND: no such thing");
  CHECK(*std::move(good).transform([](int value) { return std::to_string(value); }) == "3");
  CHECK(
      std::move(bad).and_then([](int value) -> Result<int> { return value; }).error().message ==
      "no such thing"
  );
  CHECK(Result<void>().has_value());
  CHECK(Result<void>(fail(Code::aborted, "x")).error().code == Code::aborted);
}

// A text that is no std::string: taken where values are, in whichever of its forms, also beside JSON.
template <class T>
concept TakenAsText =
    requires(const T& text, Client client, testing::Fake fake, Metadata metadata) {
      client.binding("b").invoke("create", text);
      client.binding("b").invoke("create", text, metadata);
      client.app("a").invoke<std::string>("m", text);
      client.app("a").invoke<void>("m", text, InvokeOptions{});
      client.pubsub("p").publish("t", text);
      client.state("s").save("k", text);
      bulk_entry("1", text);
      upsert("k", text);
      fake.emit("p", "t", text);
      detail::MethodKind::outcome(text);
    };
static_assert(TakenAsText<char[3]> && TakenAsText<const char*> && TakenAsText<char*>);
static_assert(TakenAsText<std::string_view> && TakenAsText<std::string>);
static_assert(!detail::Text<std::string> && !detail::Text<Bytes> && !detail::Text<Order>);

TEST_CASE("a text is sent as it is, whether literal, pointer or view", "[values]") {
  const char* pointer = "text";
  for (const auto& entry :
       {bulk_entry("1", "text"), bulk_entry("1", pointer), bulk_entry("1", std::string_view("text")),
        bulk_entry("1", std::string("text"))}) {
    CHECK(entry.data == "text");
    CHECK(entry.content_type == Codec<std::string>::content_type);
  }
  CHECK(detail::MethodKind::outcome(pointer)->data == "text");
  CHECK(detail::MethodKind::outcome("text")->data == "text");
}

TEST_CASE("codes have the names and numbers of gRPC", "[values]") {
  CHECK(to_string(Code::ok) == "OK");
  CHECK(to_string(Code::unauthenticated) == "UNAUTHENTICATED");
  CHECK(static_cast<int>(Code::unauthenticated) == 16);
  CHECK(to_string(static_cast<Code>(99)) == "UNKNOWN");
}

TEST_CASE("text and bytes are themselves", "[values]") {
  CHECK(*detail::encode(std::string("a\"b")) == "a\"b");
  CHECK(*detail::decode<std::string>(std::string_view("x")) == "x");
  CHECK(detail::decode<Bytes>(std::string("x")).value().data == "x");
}

TEST_CASE("a type that nlohmann/json knows is JSON", "[values]") {
  CHECK(*detail::encode(Order{"a", 2}) == R"({"count":2,"id":"a"})");
  CHECK(detail::decode<Order>(std::string_view(R"({"count":2,"id":"a"})"))->count == 2);
  CHECK(detail::decode<std::vector<int>>(std::string_view("[1,2]"))->size() == 2);
  CHECK(Codec<Order>::content_type == "application/json");
}

TEST_CASE(
    "what does not decode is data_loss, what does not encode is invalid_argument", "[values]"
) {
  CHECK(detail::decode<Order>(std::string_view("{")).error().code == Code::data_loss);
  CHECK(
      detail::decode<Order>(std::string_view("{}"))
          .error()
          .message.find("the value does not decode") == 0
  );
  CHECK(detail::encode(nlohmann::json("\xff")).error().code == Code::invalid_argument);
  CHECK(detail::encode(Moody{}).error().message == "the value does not encode: not today");
  CHECK(detail::decode<Moody>(std::string_view("")).error().code == Code::data_loss);
}

TEST_CASE("a message of protobuf is its binary form", "[values]") {
  google::protobuf::Duration duration;
  duration.set_seconds(5);
  const auto bytes = detail::encode(duration);
  REQUIRE(bytes);
  CHECK(detail::decode<google::protobuf::Duration>(std::string_view(*bytes))->seconds() == 5);
  CHECK(
      detail::decode<google::protobuf::Duration>(std::string_view("\xff")).error().code ==
      Code::data_loss
  );
}

// A store that answers from a script: what an application's own test would write.
class OneKey final : public Api {
 public:
  Task<Result<StateValue>> get_state(GetStateRequest request, CallOptions) override {
    if (request.key == "absent") co_return StateValue{};
    co_return StateValue{R"({"count":1,"id":")" + request.key + "\"}", "7", {}};
  }
};

TEST_CASE("a client works over any implementation of the calls", "[values]") {
  const Client client(std::make_shared<OneKey>());
  const auto orders = client.blocking().state("orders");
  CHECK((*orders.get<Order>("k"))->id == "k");
  CHECK(!orders.get<Order>("absent")->has_value());
  CHECK(orders.get_versioned<Order>("k")->etag == "7");
  CHECK(orders.save("k", "v").error().code == Code::unimplemented);
  CHECK(orders.save("k", nlohmann::json("\xff")).error().code == Code::invalid_argument);
  CHECK(
      client.blocking().lock("x").try_lock("a", "b", std::chrono::seconds(1)).error().code ==
      Code::unimplemented
  );
  CHECK(client.blocking().crypto("x").encrypt("a", {}).error().code == Code::unimplemented);
  CHECK(client.blocking().configuration("x").watch().next().error().code == Code::unimplemented);
}

}  // namespace
}  // namespace mecha
