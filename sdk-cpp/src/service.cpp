// The service: registering, starting, stopping.

#include "mecha/service.h"

#include <cstdio>
#include <mutex>
#include <utility>

#include "src/dispatcher.h"
#include "src/host.h"
#include "src/sendable.h"
#include "src/signals.h"
#include "src/streams.h"

namespace mecha {
namespace {

// One asks after the other; who comes while a check hangs is told that this is not well.
constexpr Limit health_limit{1, 8};

void log_to_standard_error(std::string_view line) {
  std::fprintf(stderr, "mecha: %.*s\n", static_cast<int>(line.size()), line.data());
}

}  // namespace

class Service::Host {
 public:
  explicit Host(ServiceOptions its_options)
      : options(std::move(its_options)),
        dispatcher(std::make_shared<wire::Dispatcher>(
            options, options.log ? options.log : log_to_standard_error
        )) {}

  /// Null once registering has ended.
  wire::Registry* open_registry(const char* what) {
    if (!sealed) return &dispatcher->registry;
    dispatcher->log(
        std::string("a ") + what + " is registered after the start, which has no effect"
    );
    return nullptr;
  }

  Result<void> start();
  Result<void> stop();
  Result<Client> client();

  ServiceOptions options;
  std::shared_ptr<wire::Dispatcher> dispatcher;
  wire::Wake wake;
  bool sealed = false;
  std::atomic<std::uint16_t> port{0};

 private:
  Result<void> open_port();

  enum class Stage { idle, serving, stopped };
  std::mutex mutex_;
  Stage stage_ = Stage::idle;
  std::unique_ptr<wire::CallbackHost> server_;
  std::unique_ptr<wire::Streams> streams_;
  std::mutex client_mutex_;  // guards options.client
};

Result<Client> Service::Host::client() {
  const std::lock_guard lock(client_mutex_);
  if (options.client) return *options.client;
  auto made = Client::connect();
  if (made) options.client = *made;
  return made;
}

Result<void> Service::Host::open_port() {
  const auto environment = app_environment();
  const auto wanted = options.port ? options.port : environment.port;
  if (!wanted) {
    return fail(
        Code::failed_precondition,
        "no port is named for what the sidecar calls: set APP_PORT or ServiceOptions::port"
    );
  }
  if (options.tls && (options.tls->certificate.empty() || options.tls->key.empty()))
    return fail(Code::invalid_argument, "TLS needs both a certificate and its key");
  if (options.tls) {
    if (auto pem = wire::check_pem("ServerTls::certificate", options.tls->certificate); !pem) return pem;
    if (auto pem = wire::check_pem("ServerTls::key", options.tls->key); !pem) return pem;
  }
  auto server = wire::CallbackHost::open(
      dispatcher,
      {options.address,
       *wanted,
       options.app_token ? *options.app_token : environment.app_token,
       options.message_size_max,
       options.tls}
  );
  if (!server) return std::move(server).error();
  server_ = std::move(*server);
  port = server_->port();
  return {};
}

Result<void> Service::Host::start() {
  const std::lock_guard lock(mutex_);
  if (stage_ != Stage::idle) return fail(Code::failed_precondition, "a service is started once");
  sealed = true;
  const auto& registry = dispatcher->registry;
  if (auto good = registry.check(); !good) return good;
  const bool needs_port = registry.needs_port() || options.port;
  if (!needs_port && registry.streams().empty())
    return fail(Code::failed_precondition, "the service has no handler");
  std::shared_ptr<Api> api;  // before the port is open, for this may fail
  if (!registry.streams().empty()) {
    auto over = client();
    if (!over) return std::move(over).error();
    api = over->api();
  }
  if (needs_port) {
    if (auto opened = open_port(); !opened) return opened;
  }
  stage_ = Stage::serving;
  if (api) streams_ = std::make_unique<wire::Streams>(dispatcher, std::move(api));
  return {};
}

Result<void> Service::Host::stop() {
  const std::lock_guard lock(mutex_);
  const auto limit = detail::after<std::chrono::steady_clock>(options.stop_limit);
  dispatcher->close();
  if (std::exchange(stage_, Stage::stopped) == Stage::stopped) return {};
  auto left = server_ ? server_->stop(limit) : 0;
  if (streams_) left += streams_->stop(limit);
  port = 0;
  // Those that were asked to stop may just be ending.
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  const bool ended = dispatcher->wait_until(std::max(limit, soon));
  if (left == 0 && ended) return {};
  return fail(
      Code::deadline_exceeded,
      left == 0 ? "a handler did not end in time and was left behind"
                : std::to_string(left) + " handlers did not end in time and were left behind"
  );
}

Service::Service(ServiceOptions options) : host_(std::make_unique<Host>(std::move(options))) {}

Service::~Service() { (void)host_->stop(); }

Result<void> Service::start() { return host_->start(); }

Result<void> Service::run() {
  if (auto started = start(); !started) return started;
  auto waited = wire::wait_for_signal(host_->wake);
  auto stopped = stop();
  return waited ? stopped : waited;
}

Result<Client> Service::client() { return host_->client(); }

void Service::request_stop() noexcept { host_->wake.signal(); }

Result<void> Service::stop() { return host_->stop(); }

std::uint16_t Service::port() const noexcept { return host_->port; }

std::shared_ptr<CallbackApi> Service::callbacks() {
  host_->sealed = true;
  if (auto good = host_->dispatcher->registry.check(); !good)
    host_->dispatcher->log(good.error().message);
  return host_->dispatcher;
}

void Service::add(
    std::string name, detail::Handler<MethodCall, MethodReply> handler, MethodOptions options
) {
  if (auto* registry = host_->open_registry("method"))
    registry->add(std::move(name), std::move(handler), std::move(options));
}

namespace {

template <class In, class Out>
wire::EntryPtr<In, Out> entry_of(detail::Handler<In, Out> handler, Limit limit) {
  return std::make_shared<const wire::Entry<In, Out>>(std::move(handler), limit);
}

}  // namespace

void Service::add(
    std::string pubsub,
    std::string topic,
    detail::Handler<TopicEvent, Verdict> handler,
    TopicOptions options
) {
  auto* registry = host_->open_registry("topic");
  if (registry == nullptr) return;
  const auto limit = options.limit;
  registry->add(
      pubsub, topic, wire::Route{std::move(options), entry_of(std::move(handler), limit), nullptr}
  );
}

void Service::add(
    std::string pubsub,
    std::string topic,
    detail::Handler<BulkTopicEvent, std::vector<Verdict>> handler,
    TopicOptions options
) {
  auto* registry = host_->open_registry("topic");
  if (registry == nullptr) return;
  const auto limit = options.limit;
  registry->add(
      pubsub, topic, wire::Route{std::move(options), nullptr, entry_of(std::move(handler), limit)}
  );
}

void Service::add_stream(
    std::string pubsub,
    std::string topic,
    detail::Handler<TopicEvent, Verdict> handler,
    StreamOptions options
) {
  auto* registry = host_->open_registry("stream");
  if (registry == nullptr) return;
  registry->add(wire::StreamEntry{
      {std::move(pubsub),
       std::move(topic),
       std::move(options.metadata),
       std::move(options.dead_letter_topic)},
      entry_of(std::move(handler), options.limit)
  });
}

void Service::add(
    std::string name, detail::Handler<BindingEvent, BindingReply> handler, BindingOptions options
) {
  if (auto* registry = host_->open_registry("binding"))
    registry->add(std::move(name), entry_of(std::move(handler), options.limit));
}

void Service::add(std::string name, detail::Handler<JobEvent, void> handler, JobOptions options) {
  if (auto* registry = host_->open_registry("job"))
    registry->add(std::move(name), entry_of(std::move(handler), options.limit));
}

void Service::add(detail::Handler<detail::HealthCheck, void> handler) {
  if (auto* registry = host_->open_registry("health check"))
    registry->add(entry_of(std::move(handler), health_limit));
}

}  // namespace mecha
