// Binding to a queue of RabbitMQ, inwards and outwards (contract 03, 5.6): `create` puts a message
// into the queue, events are its messages, one at a time.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components/bindings/binding.hpp"
#include "components/catalog.hpp"
#include "components/rabbitmq/consumer.hpp"
#include "components/rabbitmq/properties.hpp"
#include "components/rabbitmq/publisher.hpp"
#include "runtime/async/on_shard.hpp"

namespace mecha::bindings {
namespace {

using namespace std::chrono_literals;

constexpr auto kReadLimit = 60s;
constexpr std::int64_t kPriorityMost = 255;
constexpr std::uint8_t kPersistent = 2;
constexpr int kDurable = 2, kExclusive = 4, kAutoDelete = 8;  // bits of queue.declare

struct RabbitBindingSettings {
  std::string host;
  std::string queue;
  bool durable = false, delete_when_unused = false, exclusive = false;
  int prefetch = 0;
  std::optional<std::int64_t> priority_max;
  std::string ttl;
  std::chrono::milliseconds reconnect_wait = 5s;
  std::string ca, certificate;
  Secret key;
  bool external = false;

  static constexpr auto fields() {
    using S = RabbitBindingSettings;
    return std::tuple{
        field("host", &S::host, "Server as amqp://user:password@host:port/vhost, or amqps.").required("missing host address"),
        field("queueName", &S::queue, "The queue.").required("missing queue Name"),
        field("durable", &S::durable, "The queue outlives the server."),
        field("deleteWhenUnused", &S::delete_when_unused, "The queue goes with its last reader."),
        field("exclusive", &S::exclusive, "The queue belongs to one connection; input or output only."),
        field("prefetchCount", &S::prefetch, "Messages on their way; 0 for no limit.").between(0, 65535),
        field("maxPriority", &S::priority_max, "Priorities of the queue."),
        field("ttlInSeconds", &S::ttl, "Time to live of messages in the queue.").aliases("ttl"),
        field("reconnectWaitInSeconds", &S::reconnect_wait, "Pause before connecting again.").between(0ms, 24h),
        field("caCert", &S::ca, "Authorities of the server, PEM."),
        field("clientCert", &S::certificate, "Client certificate, PEM."),
        field("clientKey", &S::key, "Its key, PEM."),
        field("externalSasl", &S::external, "The client certificate is the login."),
    };
  }
};

Async<void> declare(std::shared_ptr<rabbitmq::Channel> channel, RabbitBindingSettings s) {
  rabbitmq::Table arguments;
  if (const auto ttl = rabbitmq::read_ttl(s.ttl); ttl && *ttl) arguments["x-message-ttl"] = {static_cast<std::int64_t>((*ttl)->count())};
  if (s.priority_max) arguments["x-max-priority"] = {std::min(*s.priority_max, kPriorityMost)};
  const int flags = (s.durable ? kDurable : 0) | (s.exclusive ? kExclusive : 0) | (s.delete_when_unused ? kAutoDelete : 0);
  rabbitmq::Writer writer(rabbitmq::Method::queue_declare);
  writer.u16(0).short_text(s.queue).u8(static_cast<std::uint8_t>(flags)).table(arguments);
  co_return co_await channel->call(std::move(writer), rabbitmq::Method::queue_declare_ok);
}

// A failed event goes back to the queue.
asio::awaitable<rabbitmq::Settle> relay(EventHandler handler, rabbitmq::Delivery delivery) {
  InputEvent event{.data = std::move(delivery.body), .metadata = {}};
  for (const auto& [name, value] : delivery.properties.headers) event.metadata[text::replace_all(text::escape(name), "%20", "+")] = value;
  const auto handled = co_await handler(std::move(event));
  co_return handled ? rabbitmq::Settle::acknowledge : rabbitmq::Settle::requeue;
}

class RabbitBinding final : public Binding, public OutputBinding, public InputBinding {
 public:
  using Settings = RabbitBindingSettings;
  static constexpr ComponentInfo info{"bindings.rabbitmq", "v1", "Queue of RabbitMQ."};

  RabbitBinding(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), log_(context.log), home_(context.shards.executor(0)) {}

  OutputBinding* output() override { return this; }
  InputBinding* input() override { return this; }
  std::vector<std::string> operations() const override { return {"create"}; }

  static Result<rabbitmq::Options> check(const Settings& settings) {
    if (auto ttl = rabbitmq::read_ttl(settings.ttl); !ttl) return fail(std::move(ttl).error().context("failed to parse TTL"));
    auto address = rabbitmq::parse_address(settings.host);
    if (!address) return fail(std::move(address).error().context("rabbitMQ binding error"));
    auto options = rabbitmq::make_options(*std::move(address), {settings.ca, settings.certificate, settings.key}, settings.external);
    if (!options) return fail(std::move(options).error().context("rabbitMQ binding error"));
    return options;
  }

  Async<void> start() override {
    auto options = check(settings_);
    if (!options) co_return fail(std::move(options).error());
    options_ = std::make_shared<const rabbitmq::Options>(*std::move(options));
    publisher_ = std::make_unique<rabbitmq::Publisher>(
        home_, options_, rabbitmq::PublisherOptions{.confirm = true, .prepare = [s = settings_](std::shared_ptr<rabbitmq::Channel> channel) {
          return declare(std::move(channel), s);
        }}
    );
    auto connected = co_await publisher_->connect();
    if (!connected) co_return fail(std::move(connected).error().context("rabbitMQ binding error"));
    co_return connected;
  }

  Async<void> stop() override {
    co_await stop_reading(0s);
    if (publisher_ != nullptr) co_await publisher_->close();
    co_return Result<void>{};
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    if (auto checked = rabbitmq::check_metadata(request.metadata); !checked) co_return failure(std::move(checked).error());
    rabbitmq::Outgoing message{
        .routing_key = settings_.queue,
        .properties = rabbitmq::outgoing_properties(request.metadata, {}),
        .body = std::move(request.data)};
    message.properties.delivery_mode = kPersistent;
    for (auto& [name, value] : request.metadata) message.properties.headers[name] = std::move(value);
    auto sent = co_await on_shard(home_, publisher_->publish(std::move(message)));
    if (!sent) co_return failure(std::move(sent).error().context("rabbitMQ binding error: failed to publish message"));
    co_return no_answer();
  }

  Async<void> read(EventHandler handler) override {
    rabbitmq::ConsumerOptions how{
        .queue = settings_.queue,
        .tag = text::uuid(),
        .prefetch = static_cast<std::uint16_t>(settings_.prefetch),
        .parallel = 1,
        .reconnect_pause = settings_.reconnect_wait,
        .prepare = [s = settings_](std::shared_ptr<rabbitmq::Channel> channel) { return declare(std::move(channel), s); }};
    auto consumer = std::make_unique<rabbitmq::Consumer>(
        home_, options_, std::move(how), log_, [handler = std::move(handler)](rabbitmq::Delivery delivery) {
          return relay(handler, std::move(delivery));
        }
    );
    auto started = co_await consumer->start(kReadLimit);
    if (!started) co_return fail(std::move(started).error().context("rabbitMQ binding error"));
    consumer_ = std::move(consumer);
    co_return started;
  }

  asio::awaitable<void> stop_reading(std::chrono::steady_clock::duration grace) override {
    const auto ending = std::move(consumer_);
    if (ending != nullptr) co_await ending->stop(grace);
  }

 private:
  const Settings settings_;
  const Log log_;
  const Executor home_;
  std::shared_ptr<const rabbitmq::Options> options_;
  std::unique_ptr<rabbitmq::Publisher> publisher_;
  std::unique_ptr<rabbitmq::Consumer> consumer_;  // while it reads
};

}  // namespace

void register_rabbitmq(Catalog& catalog) { catalog.add<RabbitBinding>(); }

}  // namespace mecha::bindings
