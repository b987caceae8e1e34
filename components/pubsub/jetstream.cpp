// Broker on NATS JetStream (contract 03, 4.6): a topic is a subject of a stream that exists already, a subscriber a push
// consumer. Metadata do not travel; order is that of the stream where one message is handled at a time, as by default.

#include "components/catalog.hpp"
#include "components/pubsub/jetstream_feed.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/async/on_shard.hpp"

namespace mecha::pubsub {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kParallel = 1000;

struct JetStreamSettings {
  std::string url;
  std::string jwt;
  Secret seed, token;
  std::string certificate_path, key_path;
  std::string name = "dapr.io - pubsub.jetstream";
  std::string stream, durable, group;
  std::string deliver_policy, ack_policy;
  std::optional<std::uint64_t> start_sequence;
  std::optional<std::int64_t> start_time;
  std::optional<std::chrono::nanoseconds> ack_wait, heartbeat;
  std::optional<int> deliver_max, ack_pending_max, replicas;
  std::vector<std::string> back_off;
  bool memory = false, flow_control = false;
  std::optional<std::uint64_t> rate_limit;
  std::string domain, api_prefix;
  std::string concurrency = "single";

  static constexpr auto fields() {
    using S = JetStreamSettings;
    return std::tuple{
        field("natsURL", &S::url, "Servers as nats://user:password@host:port, separated by commas; tls:// for TLS.").required("missing nats URL"),
        field("jwt", &S::jwt, "Login by token and seed; not built yet."),
        field("seedKey", &S::seed, "See jwt."),
        field("tls_client_cert", &S::certificate_path, "Login by certificate; not built yet."),
        field("tls_client_key", &S::key_path, "See tls_client_cert."),
        field("token", &S::token, "Login by a token."),
        field("name", &S::name, "Name of the connections."),
        field("streamName", &S::stream, "Stream of the topics; looked up by the subject if absent."),
        field("durableName", &S::durable, "Name of the consumer, which outlives its users."),
        field("queueGroupName", &S::group, "Subscribers of one group share the messages."),
        field("deliverPolicy", &S::deliver_policy, "Where a new consumer begins; all if absent.").one_of("all", "last", "new", "sequence", "time"),
        field("startSequence", &S::start_sequence, "First message, with deliverPolicy sequence."),
        field("startTime", &S::start_time, "First second since 1970, with deliverPolicy time."),
        field("ackPolicy", &S::ack_policy, "explicit, all or none; another text is explicit."),
        field("ackWait", &S::ack_wait, "Time after which an unacknowledged message comes again; also the delay of a failed one."),
        field("maxDeliver", &S::deliver_max, "Deliveries of one message."),
        field("backOff", &S::back_off, "Durations between deliveries of one message, separated by commas."),
        field("maxAckPending", &S::ack_pending_max, "Messages on their way without an acknowledgement."),
        field("replicas", &S::replicas, "Copies of the consumer's state."),
        field("memoryStorage", &S::memory, "The consumer's state is kept in memory."),
        field("rateLimit", &S::rate_limit, "Bits per second."),
        field("heartbeat", &S::heartbeat, "Signs of life of an idle consumer."),
        field("flowControl", &S::flow_control, "The server waits for a slow reader; needs heartbeat."),
        field("domain", &S::domain, "Domain of JetStream."),
        field("apiPrefix", &S::api_prefix, "First part of the subjects of the API; $JS.API if absent."),
        field("concurrency", &S::concurrency, "single: one message at a time and in order.").aliases("concurrencyMode").one_of("single", "parallel"),
    };
  }
};

std::unexpected<Error> wrong(const std::string& what) { return fail(Code::invalid_argument, "jetstream error: " + what); }

Result<json::Array> delays(const std::vector<std::string>& texts) {
  json::Array all;
  for (const auto& one : texts) {
    const auto time = text::duration_or(text::trim(one), 1s);
    if (!time) return wrong("backOff has a duration that is none: " + one);
    all.emplace_back(static_cast<std::int64_t>(time->count()));
  }
  return all;
}

std::string policy_name(const std::string& policy) {
  if (policy == "sequence") return "by_start_sequence";
  if (policy == "time") return "by_start_time";
  return policy.empty() ? "all" : policy;
}

Result<json::Object> consumer_config(const JetStreamSettings& s) {
  json::Object config;
  config["deliver_policy"] = policy_name(s.deliver_policy);
  if (s.deliver_policy == "sequence") config["opt_start_seq"] = s.start_sequence.value_or(1);
  if (s.deliver_policy == "time") {
    config["opt_start_time"] = text::rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(s.start_time.value_or(0))));
  }
  config["ack_policy"] = s.ack_policy == "all" || s.ack_policy == "none" ? s.ack_policy : "explicit";
  if (s.ack_wait) config["ack_wait"] = static_cast<std::int64_t>(s.ack_wait->count());
  if (s.deliver_max) config["max_deliver"] = *s.deliver_max;
  if (s.ack_pending_max) config["max_ack_pending"] = *s.ack_pending_max;
  if (s.replicas) config["num_replicas"] = *s.replicas;
  if (s.memory) config["mem_storage"] = true;
  if (s.rate_limit) config["rate_limit_bps"] = *s.rate_limit;
  if (s.heartbeat) config["idle_heartbeat"] = static_cast<std::int64_t>(s.heartbeat->count());
  if (s.flow_control) config["flow_control"] = true;
  MECHA_TRY(auto back_off, delays(s.back_off));
  if (!back_off.empty()) config["backoff"] = std::move(back_off);
  return config;
}

// The id of a CloudEvent, by which the server recognises what was sent twice. It does so for a whole stream: an event that
// says it is of another topic, as a dead letter does, is known by its place as well, or it would be taken for the first one.
std::string message_headers(const std::string& data, std::string_view subject) {
  const auto event = json::parse(data);
  const auto id = event && event->is_object() ? event->text("id") : std::string_view();
  if (id.empty() || id.find_first_of("\r\n") != std::string_view::npos) return {};
  const bool elsewhere = !subject.ends_with(event->text("topic"));
  return "NATS/1.0\r\nNats-Msg-Id: " + std::string(id) + (elsewhere ? "@" + std::string(subject) : "") + "\r\n\r\n";
}

class JetStreamBroker final : public PubSub {
 public:
  using Settings = JetStreamSettings;
  static constexpr ComponentInfo info{"pubsub.jetstream", "v1", "NATS JetStream."};

  JetStreamBroker(const Settings& settings, const ComponentContext& context)
      : settings_(settings), context_(context), home_(context.shards.executor(0)), gate_(home_), opened_(home_) {}

  static Result<nats::Options> check(const Settings& settings) {
    if (!settings.jwt.empty() || !settings.seed.empty()) return wrong("jwt and seedKey are not supported by this version: use token, or user and password in natsURL");
    if (!settings.certificate_path.empty() || !settings.key_path.empty()) return wrong("tls_client_cert and tls_client_key are not supported by this version: use token, or user and password in natsURL");
    MECHA_TRY_VOID(consumer_config(settings));
    auto server = nats::parse_servers(settings.url);
    if (!server) return wrong(server.error().message);
    return server;
  }

  Async<void> start() override {
    auto server = check(settings_);
    if (!server) co_return fail(std::move(server).error());
    server->token = settings_.token.reveal();
    server->name = settings_.name;
    MECHA_CO_TRY(options_.config, consumer_config(settings_));
    if (!settings_.domain.empty()) options_.api = "$JS." + settings_.domain + ".API";
    if (!settings_.api_prefix.empty()) options_.api = settings_.api_prefix.ends_with('.') ? settings_.api_prefix.substr(0, settings_.api_prefix.size() - 1) : settings_.api_prefix;
    options_.stream = settings_.stream;
    options_.group = settings_.group;
    options_.durable = settings_.durable.empty() ? settings_.group : settings_.durable;
    options_.failure_delay = settings_.ack_wait;
    if (settings_.heartbeat) options_.heartbeat = std::chrono::duration_cast<std::chrono::milliseconds>(*settings_.heartbeat);
    options_.parallel = settings_.concurrency == "parallel" ? kParallel : 1;
    server_ = std::make_shared<const nats::Options>(*std::move(server));
    auto connected = co_await connection();
    if (!connected) co_return wrong("connecting to nats at " + server_->servers[0].host + ": " + connected.error().message);
    co_return Result<void>{};
  }

  Async<void> stop() override {
    closed_ = true;
    co_await gate_.close(0s);
    if (connection_ != nullptr) co_await connection_->close();
    co_return Result<void>{};
  }

  Async<void> publish(PublishRequest request) override {
    co_return co_await on_shard(home_, publish_here(std::move(request)));
  }

  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) override {
    if (!nats::is_subject(request.topic)) co_return wrong("a topic is a subject of NATS without blanks");
    auto feed = std::make_unique<JetStreamFeed>(
        co_await asio::this_coro::executor, server_, options_, context_.log, std::move(request.topic), std::move(handler)
    );
    auto started = co_await feed->start();
    if (!started) co_return fail(std::move(started).error().context("jetstream error: subscribing"));
    co_return feed;
  }

 private:
  Async<void> publish_here(PublishRequest request) {
    auto open = co_await connection();
    if (!open) co_return fail(std::move(open).error());
    auto headers = message_headers(request.data, request.topic);
    co_return co_await publish_jetstream(*std::move(open), std::move(request.topic), std::move(headers), std::move(request.data));
  }

  // On shard 0. Whoever finds the connection broken starts one opening for all.
  Async<std::shared_ptr<nats::Connection>> connection() {
    if (closed_) co_return fail(Code::unavailable, "nats: connection closed");
    if (connection_ != nullptr && !connection_->broken()) co_return connection_;
    if (!opening_) {
      opening_ = true;
      spawn(gate_, home_, reopen());
    }
    while (opening_ && !closed_) co_await opened_.wait();
    if (connection_ != nullptr && !connection_->broken()) co_return connection_;
    co_return fail(failed_.value_or(Error{.code = Code::unavailable, .message = "nats: connection closed"}));
  }

  asio::awaitable<void> reopen() {
    struct Done {
      JetStreamBroker& self;
      ~Done() {
        self.opening_ = false;
        self.opened_.pulse();
      }
    } done{*this};
    if (connection_ != nullptr) co_await connection_->close();
    connection_.reset();
    auto made = co_await nats::Connection::open(home_, server_);
    if (made) connection_ = *std::move(made);
    else failed_ = std::move(made).error();
  }

  const Settings settings_;
  const ComponentContext context_;
  const Executor home_;  // of the connection that publishes
  JetStreamOptions options_;
  std::shared_ptr<const nats::Options> server_;
  Gate gate_;
  Event opened_;
  std::shared_ptr<nats::Connection> connection_;
  std::optional<Error> failed_;
  bool opening_ = false, closed_ = false;
};

}  // namespace

void register_jetstream(Catalog& catalog) { catalog.add<JetStreamBroker>(); }

}  // namespace mecha::pubsub
