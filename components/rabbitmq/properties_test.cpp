#include "components/rabbitmq/properties.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::rabbitmq;
using namespace std::chrono_literals;

TEST_CASE("metadata become properties of the message", "[rabbitmq]") {
  const auto got = outgoing_properties(
      {{"contentType", "a/b"}, {"MessageId", "m"}, {"correlationID", "c"}, {"TYPE", "t"}, {"priority", "300"}, {"other", "lost"}}, {}
  );
  CHECK(got.content_type == "a/b");
  CHECK(got.message_id == "m");
  CHECK(got.correlation_id == "c");
  CHECK(got.type == "t");
  CHECK(got.priority == 255);
  CHECK(got.headers.empty());
  CHECK_FALSE(got.expiration.has_value());
  CHECK(outgoing_properties({}, {}).content_type == "text/plain");
}

TEST_CASE("time to live: of the message, of the component, or none", "[rabbitmq]") {
  const auto expiration = [](Metadata metadata, std::optional<std::chrono::milliseconds> ttl = {}) {
    return outgoing_properties(metadata, ttl).expiration.value_or("none");
  };
  CHECK(expiration({}) == "none");
  CHECK(expiration({}, 3s) == "3000");
  CHECK(expiration({{"ttlInSeconds", "5"}}, 3s) == "5000");
  CHECK(expiration({{"ttlInSeconds", "5"}, {"TTL", "1500ms"}}) == "1500");
  CHECK(expiration({{"ttlInSeconds", "-5"}}, 3s) == "3000");
  CHECK(expiration({{"ttlInSeconds", "-5s"}}) == "0");
  CHECK(expiration({{"ttlInSeconds", "soon"}}) == "none");
}

TEST_CASE("properties become metadata of a delivery", "[rabbitmq]") {
  Properties properties;
  properties.message_id = "m";
  properties.content_type = "a/b";
  properties.headers = {{"x", "y"}};
  CHECK(incoming_metadata(properties) == Metadata{{"metadata.messageid", "m"}, {"metadata.contenttype", "a/b"}, {"metadata.x", "y"}});
  CHECK(incoming_metadata({}).empty());
}
