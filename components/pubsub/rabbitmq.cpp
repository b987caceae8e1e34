// Broker on RabbitMQ: a topic is an exchange, a subscriber a queue that is bound to it (contract 03, 4.4). One connection
// publishes, each subscription has one of its own.
//
// Metadata do not travel, so keys keep their order only where one message is handled at a time (concurrencyMode single).

#include <chrono>

#include "components/catalog.hpp"
#include "components/pubsub/pubsub.hpp"
#include "components/pubsub/rabbitmq_topology.hpp"
#include "components/rabbitmq/consumer.hpp"
#include "components/rabbitmq/properties.hpp"
#include "components/rabbitmq/publisher.hpp"
#include "runtime/async/on_shard.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kParallel = 1000;  // messages handled at once where the server sets no limit
constexpr auto kSubscribeLimit = 60s;
constexpr int kPublishAttempts = 3;

struct RabbitSettings {
  std::string connection_string;
  std::string protocol, hostname, username;
  Secret password;
  std::string consumer;
  bool durable = true, deleted_when_unused = true, auto_ack = false, requeue = false;
  int delivery_mode = 0;
  int prefetch = 0;
  std::string concurrency = "parallel";
  std::string exchange_kind = "fanout";
  bool dead_letter = false;
  std::int64_t length_max = 0, bytes_max = 0;
  std::string ttl;
  bool confirm = false;
  std::chrono::milliseconds reconnect_wait = 3s;
  std::chrono::milliseconds heartbeat = 10s;
  std::string client_name;
  std::string ca, certificate;
  Secret key;
  bool external = false;
  bool properties_to_metadata = false;

  static constexpr auto fields() {
    using S = RabbitSettings;
    return std::tuple{
        field("connectionString", &S::connection_string, "Server as amqp://user:password@host:port/vhost, or amqps.").aliases("host"),
        field("protocol", &S::protocol, "amqp or amqps; must agree with connectionString. amqp if absent."),
        field("hostname", &S::hostname, "Server, where there is no connectionString; localhost if absent."),
        field("username", &S::username, "Login, where there is no connectionString."),
        field("password", &S::password, "Its password."),
        field("consumerID", &S::consumer, "First part of the names of queues; the application's id if absent."),
        field("durable", &S::durable, "Exchanges and queues outlive the server."),
        field("deletedWhenUnused", &S::deleted_when_unused, "Exchanges and queues go with their last user."),
        field("autoAck", &S::auto_ack, "Messages count as handled once they were sent."),
        field("requeueInFailure", &S::requeue, "Failed messages go back to their queue; otherwise they are discarded or dead letters."),
        field("deliveryMode", &S::delivery_mode, "2: messages outlive the server.").between(0, 2),
        field("prefetchCount", &S::prefetch, "Messages on their way per subscription; 0 for no limit.").between(0, 65535),
        field("concurrencyMode", &S::concurrency, "single: one message at a time and in order.").one_of("parallel", "single"),
        field("exchangeKind", &S::exchange_kind, "Kind of the exchanges.").one_of("fanout", "topic", "direct", "headers"),
        field("enableDeadLetter", &S::dead_letter, "Each queue gets an exchange and a queue for dead letters."),
        field("maxLen", &S::length_max, "Messages in a queue; 0 for no limit.").between(0, std::numeric_limits<std::int64_t>::max()),
        field("maxLenBytes", &S::bytes_max, "Bytes in a queue; 0 for no limit.").between(0, std::numeric_limits<std::int64_t>::max()),
        field("ttlInSeconds", &S::ttl, "Time to live of messages that state none.").aliases("ttl"),
        field("publisherConfirm", &S::confirm, "Publishing waits for the server's confirmation."),
        field("reconnectWaitSeconds", &S::reconnect_wait, "Pause before connecting again.").between(0ms, 24h),
        field("heartBeat", &S::heartbeat, "Time between signs of life; 0 for none.").between(0ms, 10h),
        field("clientName", &S::client_name, "Name of the connections."),
        field("caCert", &S::ca, "Authorities of the server, PEM."),
        field("clientCert", &S::certificate, "Client certificate, PEM."),
        field("clientKey", &S::key, "Its key, PEM."),
        field("saslExternal", &S::external, "The client certificate is the login."),
        field("publishMessagePropertiesToMetadata", &S::properties_to_metadata, "Properties and headers of messages become metadata."),
    };
  }
};

std::unexpected<Error> wrong(const std::string& what) { return fail(Code::invalid_argument, "rabbitmq pub/sub error: " + what); }

Result<rabbitmq::Address> address_of(const RabbitSettings& s) {
  if (s.connection_string.empty()) {
    const auto protocol = s.protocol.empty() ? "amqp" : s.protocol;
    MECHA_TRY(auto address, rabbitmq::parse_address(protocol + "://" + (s.hostname.empty() ? "localhost" : s.hostname)));
    if (!s.username.empty()) address.username = s.username;
    if (!s.password.empty()) address.password = s.password.reveal();
    return address;
  }
  MECHA_TRY(auto address, rabbitmq::parse_address(s.connection_string));
  if (!s.protocol.empty() && !text::equals_nocase(s.protocol, address.tls ? "amqps" : "amqp")) {
    return fail(Code::invalid_argument, "protocol " + s.protocol + " contradicts connectionString");
  }
  return address;
}

class RabbitSubscription final : public Subscription {
 public:
  RabbitSubscription(std::unique_ptr<rabbitmq::Consumer> consumer) : consumer_(std::move(consumer)) {}
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override { return consumer_->stop(grace); }

 private:
  std::unique_ptr<rabbitmq::Consumer> consumer_;
};

class RabbitBroker final : public PubSub {
 public:
  using Settings = RabbitSettings;
  static constexpr ComponentInfo info{"pubsub.rabbitmq", "v1", "RabbitMQ, AMQP 0-9-1."};

  RabbitBroker(const Settings& settings, const ComponentContext& context)
      : settings_(settings), context_(context), home_(context.shards.executor(0)) {
    if (settings_.consumer.empty()) settings_.consumer = context.app_id;
  }

  std::vector<std::string> features() const override { return {std::string(kMessageTtl)}; }

  // A server that cannot be reached now may be there when it is needed.
  static Result<rabbitmq::Options> check(const Settings& settings) {
    if (const auto ttl = rabbitmq::read_ttl(settings.ttl); !ttl) return wrong("parse RabbitMQ ttl metadata with error: " + ttl.error().message);
    auto address = address_of(settings);
    if (!address) return wrong(address.error().message);
    auto options = rabbitmq::make_options(*std::move(address), {settings.ca, settings.certificate, settings.key}, settings.external);
    if (!options) return wrong(options.error().message);
    return options;
  }

  Async<void> start() override {
    auto options = check(settings_);
    if (!options) co_return fail(std::move(options).error());
    options->heartbeat = settings_.heartbeat;
    options->client_name = settings_.client_name;
    options_ = std::make_shared<const rabbitmq::Options>(*std::move(options));
    ttl_ = rabbitmq::read_ttl(settings_.ttl).value_or(std::nullopt);
    publisher_ = std::make_unique<rabbitmq::Publisher>(
        home_, options_,
        rabbitmq::PublisherOptions{
            .confirm = settings_.confirm, .attempts = kPublishAttempts, .reconnect_pause = settings_.reconnect_wait}
    );
    const auto connected = co_await publisher_->connect();
    if (!connected) context_.log.warn("the RabbitMQ server cannot be reached yet", {{"error", connected.error().message}});
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (publisher_ != nullptr) co_await publisher_->close();
    co_return Result<void>{};
  }

  Async<void> publish(PublishRequest request) override {
    const auto metadata = std::move(request.metadata).value_or(Metadata());
    auto topology = topology_of(std::move(request.topic));
    rabbitmq::Outgoing message{
        .before = declare_exchange(topology, false),
        .exchange = std::move(topology.exchange),
        .properties = rabbitmq::outgoing_properties(metadata, ttl_),
        .body = std::move(request.data)};
    if (const auto key = metadata.find("routingKey"); key != metadata.end()) message.routing_key = key->second;
    if (settings_.delivery_mode != 0) message.properties.delivery_mode = static_cast<std::uint8_t>(settings_.delivery_mode);
    auto sent = co_await on_shard(home_, publisher_->publish(std::move(message)));
    if (!sent) co_return fail(std::move(sent).error().context("rabbitmq pub/sub error: publish failed"));
    co_return sent;
  }

  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) override {
    MECHA_CO_TRY(
        auto topology, subscription_topology(topology_of(request.topic), settings_.consumer, request.metadata)
    );
    rabbitmq::ConsumerOptions how;
    how.queue = topology.queue;
    how.tag = topology.queue + "-" + text::uuid();
    if (how.tag.size() > 255) how.tag.erase(0, how.tag.size() - 255);
    how.auto_acknowledge = settings_.auto_ack;
    how.prefetch = static_cast<std::uint16_t>(settings_.prefetch);
    how.parallel = settings_.concurrency == "single" ? 1 : kParallel;
    how.reconnect_pause = settings_.reconnect_wait;
    how.prepare = [topology](std::shared_ptr<rabbitmq::Channel> channel) { return declare_subscription(std::move(channel), topology); };
    auto consumer = std::make_unique<rabbitmq::Consumer>(
        co_await asio::this_coro::executor, options_, std::move(how), context_.log,
        [this, topic = std::move(request.topic), handler = std::move(handler)](rabbitmq::Delivery delivery) {
          return deliver(topic, handler, std::move(delivery));
        }
    );
    auto started = co_await consumer->start(kSubscribeLimit);
    if (!started) co_return fail(std::move(started).error().context("rabbitmq pub/sub error: subscribing to " + topology.exchange));
    co_return std::make_unique<RabbitSubscription>(std::move(consumer));
  }

 private:
  Topology topology_of(std::string topic) const {
    Topology topology;
    topology.exchange = std::move(topic);
    topology.exchange_kind = settings_.exchange_kind;
    topology.durable = settings_.durable;
    topology.deleted_when_unused = settings_.deleted_when_unused;
    topology.dead_letter = settings_.dead_letter;
    topology.length_max = settings_.length_max;
    topology.bytes_max = settings_.bytes_max;
    return topology;
  }

  asio::awaitable<rabbitmq::Settle> deliver(std::string topic, Handler handler, rabbitmq::Delivery delivery) {
    Message message{.topic = std::move(topic), .data = std::move(delivery.body), .metadata = Metadata()};
    if (settings_.properties_to_metadata) message.metadata = rabbitmq::incoming_metadata(delivery.properties);
    switch (co_await handler(std::move(message))) {
      case Verdict::done: co_return rabbitmq::Settle::acknowledge;
      case Verdict::failed: co_return settings_.requeue ? rabbitmq::Settle::requeue : rabbitmq::Settle::discard;
      case Verdict::abandoned: break;
    }
    co_return rabbitmq::Settle::leave;
  }

  Settings settings_;
  const ComponentContext context_;
  const Executor home_;  // of what all shards share
  std::shared_ptr<const rabbitmq::Options> options_;
  std::optional<std::chrono::milliseconds> ttl_;
  std::unique_ptr<rabbitmq::Publisher> publisher_;
};

}  // namespace

void register_rabbitmq(Catalog& catalog) { catalog.add<RabbitBroker>(); }

}  // namespace mecha::pubsub
