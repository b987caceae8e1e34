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
  CHECK(expiration({{"ttlInSeconds", ""}}, 3s) == "3000");
  CHECK(expiration({{"ttl", ""}, {"ttlInSeconds", "5"}}) == "none");
  CHECK(expiration({{"ttlInSeconds", "00"}}) == "none");
  CHECK(expiration({{"ttlInSeconds", "0"}}) == "0");
}

TEST_CASE("a time to live is read as the reference reads it", "[rabbitmq]") {
  CHECK_FALSE(read_ttl("").value().has_value());
  CHECK(read_ttl("0").value().value() == 0ms);
  CHECK(read_ttl("60").value().value() == 60s);
  CHECK(read_ttl("1m").value().value() == 1min);
  CHECK(read_ttl("-5s").value().value() == 0ms);
  CHECK(read_ttl("9223372036854775807").value().value() > 24h * 365 * 200);
  CHECK(read_ttl("-1").error().message == "ttlInSeconds value must be higher than zero: actual is '-1'");
  CHECK(read_ttl("soon").error().message == "ttlInSeconds value must be a valid integer: actual is 'soon'");
}

TEST_CASE("a binding takes no time to live and no priority that is none", "[rabbitmq]") {
  const auto refusal = [](Metadata metadata) {
    const auto checked = check_metadata(metadata);
    return checked ? "" : checked.error().message;
  };
  CHECK(refusal({{"ttlInSeconds", ""}, {"priority", ""}}).empty());
  CHECK(refusal({{"ttl", "5"}, {"priority", "300"}}).empty());
  CHECK(refusal({{"ttlInSeconds", "soon"}}) == "failed to get TTL: ttlInSeconds value must be a valid integer: actual is 'soon'");
  CHECK(refusal({{"ttlInSeconds", "-5"}}) == "failed to get TTL: ttlInSeconds value must be higher than zero: actual is '-5'");
  CHECK(refusal({{"ttlInSeconds", "00"}}) == "failed to get TTL: ttlInSeconds value must be higher than zero: actual is '00'");
  CHECK(refusal({{"ttlInSeconds", "0"}}).empty());
  CHECK(refusal({{"priority", "high"}}) == "priority value must be a valid integer: actual is 'high'");
}

TEST_CASE("properties become metadata of a delivery", "[rabbitmq]") {
  Properties properties;
  properties.message_id = "m";
  properties.content_type = "a/b";
  properties.headers = {{"x", "y"}};
  CHECK(incoming_metadata(properties) == Metadata{{"metadata.messageid", "m"}, {"metadata.contenttype", "a/b"}, {"metadata.x", "y"}});
  CHECK(incoming_metadata({}).empty());
}
