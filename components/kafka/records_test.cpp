#include "components/kafka/records.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::kafka;

namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

Records records(bool escape = false, std::string exclude = {}) {
  Settings settings;
  settings.escape_headers = escape;
  settings.exclude_headers = std::move(exclude);
  return Records::make(settings).value();
}

}  // namespace

TEST_CASE("metadata are headers, the key stays one", "[kafka]") {
  const auto record =
      records().outgoing("t", "x", {{"a", "b"}, {"key", "none"}, {"partitionKey", "k"}}).value();
  CHECK(record.topic == "t");
  CHECK(record.value == "x");
  CHECK(record.key == "k");
  CHECK(!record.partition);
  CHECK(record.headers == Headers{{"a", "b"}, {"key", "none"}, {"partitionKey", "k"}});
  CHECK(records().outgoing("t", "x", {{"__key", "other"}}).value().key == "other");
  CHECK(!records().outgoing("t", "x", {{"key", "k"}}).value().key);
  CHECK(records().outgoing("t", "x", {{"partitionKey", ""}}).value().key == "");
}

TEST_CASE("null is a tombstone, and comes back as null", "[kafka]") {
  CHECK(!records().outgoing("t", "null", {}).value().value);
  CHECK(records().outgoing("t", "", {}).value().value == "");
}

TEST_CASE("a partition number must be one", "[kafka]") {
  CHECK(records().outgoing("t", "x", {{"partitionNumber", "3"}}).value().partition == 3);
  for (const auto* number : {"-1", "x", "99999999999"}) {
    CHECK(
        records().outgoing("t", "x", {{"partitionNumber", number}}).error().message ==
        "invalid partition number: " + std::string(number)
    );
  }
}

TEST_CASE("what is received has its headers and its place", "[kafka]") {
  const Record record{
      .topic = "t",
      .partition = 2,
      .offset = 7,
      .timestamp_ms = 1000,
      .key = "k",
      .value = "v",
      .headers = {{"a", "b c"}}
  };
  CHECK(
      records().metadata(record) ==
      Metadata{
          {"a", "b c"},
          {"__key", "k"},
          {"__topic", "t"},
          {"__partition", "2"},
          {"__offset", "7"},
          {"__timestamp", "1000"}
      }
  );
  CHECK(records().metadata({.topic = "t"}).count("__key") == 0);
}

TEST_CASE("values and the key are escaped if the settings say so", "[kafka]") {
  const auto metadata =
      records(true).metadata({.topic = "t", .key = "k/1", .headers = {{"a b", "b c&"}}});
  CHECK(metadata.at("a b") == "b+c%26");
  CHECK(metadata.at("__key") == "k%2F1");
}

TEST_CASE("excluded metadata pass in neither direction", "[kafka]") {
  const auto some = records(false, "^x-");
  CHECK(some.outgoing("t", "1", {{"x-a", "1"}, {"y", "2"}}).value().headers == Headers{{"y", "2"}});
  CHECK(some.metadata({.topic = "t", .headers = {{"x-a", "1"}}}).count("x-a") == 0);
  Settings settings;
  settings.exclude_headers = "(";
  CHECK(Records::make(settings).error().message.starts_with("kafka error: excludeHeaderMetaRegex: ")
  );
}
