// What the metadata of a store says of its outbox.

#include "runtime/capabilities/state/outbox.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::state;

namespace {

ComponentSpec store(std::vector<std::pair<std::string, std::string>> items) {
  ComponentSpec spec{.name = "s"};
  for (auto& [name, value] : items) spec.metadata.push_back({.name = name, .value = value});
  return spec;
}

}  // namespace

TEST_CASE("an outbox needs a broker and a topic, by their exact names", "[state][outbox]") {
  CHECK_FALSE(outbox_config(store({})).has_value());
  CHECK_FALSE(outbox_config(store({{"outboxPublishPubsub", "b"}})).has_value());
  CHECK_FALSE(outbox_config(store({{"outboxPublishPubsub", "b"}, {"outboxPublishTopic", ""}})).has_value());
  CHECK_FALSE(outbox_config(store({{"outboxpublishpubsub", "b"}, {"outboxpublishtopic", "t"}})).has_value());
  const auto plain = outbox_config(store({{"outboxPublishPubsub", "b"}, {"outboxPublishTopic", "t"}})).value();
  CHECK(plain.pubsub == "b");
  CHECK(plain.internal_pubsub == "b");
  CHECK_FALSE(plain.discard_missing);
  const auto full = outbox_config(store(
      {{"outboxPublishPubsub", "b"}, {"outboxPublishTopic", "t"}, {"outboxPubsub", "i"}, {"outboxDiscardWhenMissingState", "true"}}
  )).value();
  CHECK(full.topic == "t");
  CHECK(full.internal_pubsub == "i");
  CHECK(full.discard_missing);
}

TEST_CASE("the internal topic has no separators", "[state][outbox]") {
  ApplicationInfo info;
  info.id = "myapp";
  info.identity_name_space = "default";
  CHECK(internal_topic(info, "newOrder") == "defaultmyappnewOrderoutbox");
}
