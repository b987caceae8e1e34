// Binding to topics of an MQTT 3.1.1 broker, inwards and outwards (contract 03, 5.6): `create`
// publishes, events are the messages of `topic`.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "components/bindings/binding.hpp"
#include "components/catalog.hpp"
#include "components/mqtt/feed.hpp"
#include "runtime/async/on_shard.hpp"
#include "runtime/async/within.hpp"

namespace mecha::bindings {
namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kAtLeastOnce = 1;
constexpr auto kRetryPause = 5s;

struct MqttBindingSettings {
  std::string url, topic, consumer;
  bool retain = false, clean_session = false;
  int retries_max = 0;
  std::string ca, certificate;
  Secret key;

  static constexpr auto fields() {
    using S = MqttBindingSettings;
    return std::tuple{
        field("url", &S::url, "Broker as tcp://user:password@host:port; ssl, tls, mqtts or tcps for TLS.").required("missing url"),
        field("topic", &S::topic, "Topic of events, and of what is created without one of its own.").required("missing topic"),
        field("consumerID", &S::consumer, "First part of the ids of the sessions.").required("missing consumerID"),
        field("retain", &S::retain, "The broker keeps the last message of each topic."),
        field("cleanSession", &S::clean_session, "The broker forgets subscription and messages when the connection ends."),
        field("backOffMaxRetries", &S::retries_max, "Further attempts with an event, 5 s apart; negative for no limit."),
        field("caCert", &S::ca, "Authorities of the broker, PEM."),
        field("clientCert", &S::certificate, "Client certificate, PEM."),
        field("clientKey", &S::key, "Its key, PEM."),
    };
  }
};

asio::awaitable<bool> relay(EventHandler handler, int retries_max, mqtt::PublishPacket packet) {
  const InputEvent event{.data = std::move(packet.payload), .metadata = {{"topic", std::move(packet.topic)}}};
  for (int attempt = 0;; ++attempt) {
    const auto handled = co_await handler(event);
    if (handled) co_return true;
    if (retries_max >= 0 && attempt >= retries_max) co_return false;
    if (!co_await sleep_for(kRetryPause)) co_return false;
  }
}

class MqttBinding final : public Binding, public OutputBinding, public InputBinding {
 public:
  using Settings = MqttBindingSettings;
  static constexpr ComponentInfo info{"bindings.mqtt3", "v1", "MQTT 3.1.1.", {"bindings.mqtt"}};

  MqttBinding(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), log_(context.log), home_(context.shards.executor(0)) {}

  OutputBinding* output() override { return this; }
  InputBinding* input() override { return this; }
  std::vector<std::string> operations() const override { return {"create"}; }

  // The session that publishes; the other one begins with read().
  static Result<mqtt::Options> check(const Settings& settings) {
    auto options = mqtt::make_options(settings.url, {settings.ca, settings.certificate, settings.key});
    if (options) return options;
    return fail(std::move(options).error().context("mqtt binding error"));
  }

  Async<void> start() override {
    auto options = check(settings_);
    if (!options) co_return fail(std::move(options).error());
    options_ = *std::move(options);
    producer_ = client("-producer");
    auto connected = co_await producer_->connect();
    if (!connected) co_return fail(std::move(connected).error().context("failed to establish connection to broker"));
    co_return connected;
  }

  Async<void> stop() override {
    co_await stop_reading(0s);
    if (producer_ != nullptr) co_await producer_->close();
    co_return Result<void>{};
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    auto topic = settings_.topic;
    if (const auto own = request.metadata.find("topic"); own != request.metadata.end() && !own->second.empty()) topic = own->second;
    auto work = producer_->publish(std::move(topic), std::move(request.data), kAtLeastOnce, settings_.retain);
    auto sent = co_await on_shard(home_, std::move(work));
    if (!sent) co_return failure(std::move(sent).error().context("mqtt error from publish"));
    co_return no_answer();
  }

  Async<void> read(EventHandler handler) override {
    consumer_ = client("-consumer");
    auto ready = co_await consumer_->connect();
    if (ready) {
      mqtt::MessageHandler relayed = [handler = std::move(handler), most = settings_.retries_max](mqtt::PublishPacket packet) {
        return relay(handler, most, std::move(packet));
      };
      feed_ = std::make_unique<mqtt::Feed>(home_, home_, consumer_, settings_.topic, std::move(relayed));
      ready = co_await feed_->start(kAtLeastOnce);
    }
    if (ready) co_return ready;
    co_await stop_reading(0s);
    co_return fail(std::move(ready).error().context("mqtt binding error"));
  }

  asio::awaitable<void> stop_reading(std::chrono::steady_clock::duration grace) override {
    const auto feed = std::move(feed_);
    const auto consumer = std::move(consumer_);
    if (feed != nullptr) co_await feed->stop(grace, settings_.clean_session);
    if (consumer != nullptr) co_await consumer->close();
  }

 private:
  std::shared_ptr<mqtt::Client> client(const char* suffix) const {
    auto options = options_;
    options.client_id = settings_.consumer + suffix;
    options.clean_session = settings_.clean_session;
    return std::make_shared<mqtt::Client>(home_, std::move(options), log_);
  }

  const Settings settings_;
  const Log log_;
  const Executor home_;
  mqtt::Options options_;
  std::shared_ptr<mqtt::Client> producer_, consumer_;
  std::unique_ptr<mqtt::Feed> feed_;  // while it reads
};

}  // namespace

void register_mqtt3(Catalog& catalog) { catalog.add<MqttBinding>(); }

}  // namespace mecha::bindings
