// Broker on MQTT 3.1.1 (contract 03, 4.5): one session for publishing and subscribing, kept by the broker under the
// consumer id. Payloads only: metadata do not travel, so there are no keys to keep in order.

#include "components/catalog.hpp"
#include "components/mqtt/feed.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/on_shard.hpp"

namespace mecha::pubsub {
namespace {

struct MqttSettings {
  std::string url;
  std::string consumer;
  int qos = 1;
  bool retain = false, clean_session = false;
  std::string ca, certificate;
  Secret key;

  static constexpr auto fields() {
    using S = MqttSettings;
    return std::tuple{
        field("url", &S::url, "Broker as tcp://user:password@host:port; ssl, tls, mqtts or tcps for TLS.").required("missing url"),
        field("consumerID", &S::consumer, "Id of the session; the application's id if absent. Two clients of one id end each other."),
        field("qos", &S::qos, "Quality of service of publishing and subscribing.").between(0, 2),
        field("retain", &S::retain, "The broker keeps the last message of each topic."),
        field("cleanSession", &S::clean_session, "The broker forgets subscriptions and messages when the connection ends."),
        field("caCert", &S::ca, "Authorities of the broker, PEM."),
        field("clientCert", &S::certificate, "Client certificate, PEM."),
        field("clientKey", &S::key, "Its key, PEM."),
    };
  }
};

class MqttSubscription final : public Subscription {
 public:
  MqttSubscription(mqtt::Feed feed, bool forget) : feed_(std::move(feed)), forget_(forget) {}
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override { return feed_.stop(grace, forget_); }

 private:
  mqtt::Feed feed_;
  const bool forget_;
};

asio::awaitable<bool> relay(Handler handler, mqtt::PublishPacket packet) {
  Metadata metadata{{"retained", packet.retain ? "true" : "false"}};
  Message message{.topic = std::move(packet.topic), .data = std::move(packet.payload), .metadata = std::move(metadata)};
  co_return co_await handler(std::move(message)) == Verdict::done;
}

class MqttBroker final : public PubSub {
 public:
  using Settings = MqttSettings;
  static constexpr ComponentInfo info{"pubsub.mqtt3", "v1", "MQTT 3.1.1.", {"pubsub.mqtt"}};

  MqttBroker(const Settings& settings, const ComponentContext& context)
      : settings_(settings), context_(context), home_(context.shards.executor(0)) {
    if (settings_.consumer.empty()) settings_.consumer = context.app_id;
  }

  std::vector<std::string> features() const override { return {std::string(kWildcards)}; }

  static Result<mqtt::Options> check(const Settings& settings) {
    auto options = mqtt::make_options(settings.url, {settings.ca, settings.certificate, settings.key});
    if (options) return options;
    return fail(std::move(options).error().context("mqtt pub sub error"));
  }

  Async<void> start() override {
    auto options = check(settings_);
    if (!options) co_return fail(std::move(options).error());
    options->client_id = settings_.consumer;
    options->clean_session = settings_.clean_session;
    client_ = std::make_shared<mqtt::Client>(home_, *std::move(options), context_.log);
    auto connected = co_await client_->connect();
    if (!connected) co_return fail(std::move(connected).error().context("failed to establish connection to broker"));
    co_return connected;
  }

  Async<void> stop() override {
    if (client_ != nullptr) co_await client_->close();
    co_return Result<void>{};
  }

  Async<void> publish(PublishRequest request) override {
    if (request.topic.empty()) co_return fail(Code::invalid_argument, "topic name is empty");
    bool retain = settings_.retain;
    if (request.metadata) {
      const auto own = request.metadata->find("retain");
      if (own != request.metadata->end()) retain = text::truthy(own->second);
    }
    auto work = client_->publish(std::move(request.topic), std::move(request.data), static_cast<std::uint8_t>(settings_.qos), retain);
    auto sent = co_await on_shard(home_, std::move(work));
    if (!sent) co_return fail(std::move(sent).error().context("mqtt error from publish"));
    co_return sent;
  }

  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) override {
    const auto asked = request.metadata.find("unsubscribeOnClose");
    const bool forget = settings_.clean_session || (asked != request.metadata.end() && text::truthy(asked->second));
    mqtt::MessageHandler to_handler = [handler = std::move(handler)](mqtt::PublishPacket packet) { return relay(handler, std::move(packet)); };
    mqtt::Feed feed(co_await asio::this_coro::executor, home_, client_, std::move(request.topic), std::move(to_handler));
    auto started = co_await feed.start(static_cast<std::uint8_t>(settings_.qos));
    if (!started) co_return fail(std::move(started).error().context("mqtt error from subscribe"));
    co_return std::make_unique<MqttSubscription>(std::move(feed), forget);
  }

 private:
  Settings settings_;
  const ComponentContext context_;
  const Executor home_;  // of the session
  std::shared_ptr<mqtt::Client> client_;
};

}  // namespace

void register_mqtt3(Catalog& catalog) { catalog.add<MqttBroker>(); }

}  // namespace mecha::pubsub
