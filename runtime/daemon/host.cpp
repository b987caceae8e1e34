#include "runtime/daemon/host.hpp"

#include <cstdlib>

#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/daemon/address.hpp"
#include "runtime/daemon/build.hpp"
#include "runtime/daemon/host_parts.hpp"
#include "runtime/resilience/policies.hpp"
#include "runtime/security/access_control.hpp"
#include "runtime/telemetry/path_labels.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

bool is_loopback_name(std::string_view address) {
  return address == "127.0.0.1" || address == "localhost" || address == "[::1]";
}

MetricsOptions metrics_options(const Options& options, const ConfigurationSpec& configuration) {
  MetricsOptions metrics;
  metrics.app_id = options.app_id;
  metrics.enabled = configuration.metric.enabled;
  metrics.latency_buckets = configuration.metric.latency_buckets;
  for (const auto& rule : configuration.metric.rules) {
    metrics.rules.push_back({rule.metric, rule.label, rule.replacement, rule.pattern});
  }
  return metrics;
}

trace::TracerOptions tracer_options(const Options& options, const ConfigurationSpec& configuration) {
  const auto& from = configuration.tracing;
  trace::TracerOptions tracer;
  tracer.app_id = options.app_id;
  tracer.sampling_rate = from.sampling_rate;
  tracer.standard_out = from.standard_out;
  tracer.zipkin_endpoint = from.zipkin_endpoint;
  tracer.otel.protocol = from.otel.protocol;
  tracer.otel.endpoint = from.otel.endpoint;
  tracer.otel.secure = from.otel.secure;
  tracer.otel.headers = from.otel.headers;
  tracer.otel.timeout = from.otel.timeout;
  trace::apply_otel_environment(tracer, [&](std::string_view name) { return options.variable(name); });
  return tracer;
}

// What components and `envRef` may look at (contract 06, 1.4).
void set_environment(const Options& options, const ApplicationInfo& info) {
  const auto put = [](const char* name, const std::string& value) { ::setenv(name, value.c_str(), 1); };
  put("APP_ID", info.id);
  put("APP_PORT", options.app_port);
  put("HOST_ADDRESS", info.host_address);
  put("DAPR_PORT", std::to_string(info.internal_port));
  put("DAPR_GRPC_PORT", std::to_string(info.grpc_port));
  put("DAPR_HTTP_PORT", std::to_string(info.http_port));
  put("DAPR_METRICS_PORT", options.metrics_port);
  put("DAPR_PROFILE_PORT", options.profile_port);
}

}  // namespace

Host::Host(
    Shards& shards,
    const Options& options,
    Settings settings,
    std::shared_ptr<LogSink> sink,
    Catalog& catalog,
    Ended ended
)
    : shards_(shards),
      options_(options),
      settings_(std::move(settings)),
      sink_(std::move(sink)),
      catalog_(catalog),
      ended_(std::move(ended)),
      log_(sink_, "dapr.runtime"),
      begun_(std::chrono::steady_clock::now()),
      gate_(std::make_unique<Gate>(shards.executor(0))),
      turn_(shards.executor(0), 1),
      http_servers_(shards),
      grpc_servers_(shards),
      metrics_servers_(shards) {}

Host::~Host() = default;

void Host::say(const std::vector<Notice>& notices) const {
  for (const auto& notice : notices) {
    switch (notice.level) {
      case Notice::Level::info: log_.info(notice.text); break;
      case Notice::Level::warning: log_.warn(notice.text); break;
      case Notice::Level::error: log_.error(notice.text); break;
    }
  }
}

ComponentContext Host::context(std::string name, std::string type) {
  return ComponentContext{
      .shards = shards_,
      .name = name,
      .type = std::move(type),
      .app_id = options_.app_id,
      .name_space = settings_.name_space,
      .log = Log(sink_, "dapr.contrib").with("component", name),
      .report = [this, name](std::string why) { component_reports(name, std::move(why)); },
  };
}

// Configuration first: it decides how everything after it is measured, traced and admitted.
Async<void> Host::load_configuration_files() {
  std::vector<Notice> notices;
  MECHA_CO_TRY(configuration_, load_configuration(options_.config, process_environment(), notices));
  say(notices);
  auto chosen = metrics_options(options_, configuration_);
  for (const auto& problem : check_metric_rules(chosen.rules)) log_.error(problem);
  auto metrics = std::make_unique<Metrics>(std::move(chosen));

  ApplicationInfo info;
  info.id = options_.app_id;
  info.name_space = settings_.name_space;
  info.identity_name_space = settings_.name_space.empty() ? "default" : settings_.name_space;
  info.host_name = host_name();
  info.version = kApiVersion;
  info.http_port = settings_.http_port;
  info.grpc_port = settings_.grpc_port;
  info.api_token = settings_.api_token;
  info.body_bytes_max = settings_.sizes.body_bytes_max;
  info.read_buffer_bytes = settings_.sizes.read_buffer_bytes;
  const auto& listen = options_.dapr_internal_grpc_listen_address;
  if (is_loopback_name(listen)) {
    info.host_address = listen == "[::1]" ? "::1" : listen;
  } else {
    MECHA_CO_TRY(info.host_address, host_address(options_.variable("DAPR_HOST_IP")));
  }
  // The port is taken before components load, so that no outgoing connection can get it.
  auto reserved = co_await mecha::listen(listen, settings_.internal_port.value_or(stable_port(info.id)));
  if (!reserved && !settings_.internal_port && is_taken(reserved.error())) reserved = co_await mecha::listen(listen, 0);
  if (!reserved) co_return fail(std::move(reserved).error().context("failed to reserve the internal gRPC port"));
  internal_listener_ = std::make_unique<net::Listener>(std::move(*reserved));
  info.internal_port = internal_listener_->port();
  set_environment(options_, info);

  application_ = std::make_unique<Application>(shards_, std::move(info), log_, std::move(metrics));
  application_->probe = settings_.probe;
  application_->connection.address = options_.app_channel_address;
  application_->connection.port = settings_.app_port;
  application_->connection.protocol = settings_.protocol;
  application_->connection.concurrency_max = static_cast<int>(std::max<std::int64_t>(options_.app_max_concurrency, 0));
  application_->connection.app_token = settings_.app_token;
  // The read buffer limits HTTP alone; gRPC keeps the details of an error in trailers (contract 01, 1.6 and 6.1).
  const bool grpc = settings_.protocol == AppProtocol::grpc || settings_.protocol == AppProtocol::grpcs;
  application_->connection.response_header_bytes_max =
      grpc ? Parts::header_max(settings_) : settings_.sizes.read_buffer_bytes;
  application_->connection.message_max = Parts::message_max(settings_);
  const auto& http = configuration_.metric;
  application_->path_labels = std::make_unique<telemetry::PathLabels>(
      http.increased_cardinality.value_or(true), http.path_matching, http.exclude_verbs
  );
  application_->tracer = trace::make_tracer(tracer_options(options_, configuration_), log_, shards_);
  co_return Result<void>{};
}

Async<void> Host::start_name_resolution() {
  const auto& chosen = configuration_.name_resolution;
  const nameresolution::Self self{
      .app_id = options_.app_id,
      .name_space = settings_.name_space,
      .host = application_->info.host_address,
      .internal_port = application_->info.internal_port,
      .http_port = settings_.http_port,
      .app_port = settings_.app_port,
  };
  const auto type = chosen.component.empty() ? std::string("mdns") : chosen.component;
  auto made = nameresolution::make_resolver(
      chosen.component, chosen.version, chosen.configuration, self, context(type, "nameresolution." + type)
  );
  if (made) {
    if (auto started = co_await (*made)->start(); !started) {
      (void)co_await (*made)->stop();
      made = fail(std::move(started).error());
    }
  }
  if (made) {
    resolver_ = std::move(*made);
    log_.info("Initialized name resolution to " + type);
  } else {
    log_.error("failed to initialize name resolution resolver " + type + ": " + made.error().message);
  }
  co_return Result<void>{};
}

void Host::make_channel() {
  if (settings_.app_port == 0) {
    log_.warn("App channel is not initialized. Did you configure an app-port?");
    return;
  }
  application_->channel = make_app_channel(shards_, application_->connection);
  // With health checks the application counts as unhealthy until a probe has succeeded.
  application_->channel->set_healthy(!settings_.probe.enabled);
}

Async<void> Host::start() {
  log_.info("standalone mode configured");
  log_.info("app id: " + options_.app_id);
  log_.warn("mTLS is disabled. Skipping certificate request and tls validation");
  MECHA_CO_TRY_VOID(co_await load_configuration_files());
  auto& health = application_->health;
  for (const auto target : {"runtime", "grpc-api-server", "grpc-internal-server", "security-provider"}) {
    health.expect(target);
  }
  health.ready("security-provider");
  if (options_.enable_metrics) {
    const auto port = text::to_uint(settings_.metrics_port);
    if (!port || *port > 65535) {
      co_return fail(
          Code::invalid_argument,
          "failed to parse metrics port: strconv.Atoi: parsing " + text::quote(settings_.metrics_port) + ": invalid syntax"
      );
    }
    MECHA_CO_TRY(auto bound, co_await bind_all(log_, {options_.metrics_listen_address}, static_cast<std::uint16_t>(*port), "metrics server", "metrics server"));
    net::ServerOptions server;
    server.body_bytes_max = 64 << 10;
    server.idle_timeout = 60s;
    for (auto& listener : bound) metrics_servers_.add(std::move(listener), server, metrics_handler(*application_));
    log_.info("metrics server started on " + options_.metrics_listen_address + ":" + settings_.metrics_port + "/");
  }
  MECHA_CO_TRY_VOID(co_await start_name_resolution());
  MECHA_CO_TRY_VOID(co_await discover());
  MECHA_CO_TRY_VOID(co_await read_resources());
  make_channel();
  parts_ = std::make_unique<Parts>(*application_, settings_, resolver_.get());
  pubsub::SubscriptionsOptions subscriptions;
  subscriptions.ask_application = settings_.ask_subscribe;
  parts_->subscriptions = std::make_unique<pubsub::Subscriptions>(*application_, subscriptions);
  co_await parts_->subscriptions->reload();
  // The API answers from here on; a component that is not ready is missing, and its state is told (Snapshot::waiting).
  MECHA_CO_TRY_VOID(co_await start_servers());
  MECHA_CO_TRY_VOID(co_await load_components());
  health.outbound_ready = true;
  if (watcher_) spawn(*gate_, shards_.executor(0), watch_resources());
  spawn(*gate_, shards_.executor(0), watch_application());
  co_return Result<void>{};
}

}  // namespace mecha
