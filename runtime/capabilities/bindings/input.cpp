#include "runtime/capabilities/bindings/input.hpp"

#include <algorithm>

#include "runtime/app/metadata_headers.hpp"
#include "runtime/async/parallel.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/capabilities/call/component_call.hpp"
#include "runtime/telemetry/http_span.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha::bindings {
namespace {

// Bindings that one answer of the application may invoke at the same time.
constexpr std::size_t kPassedAtOnce = 32;
// For events under way at a binding that is replaced or goes.
constexpr auto kReplaceGrace = std::chrono::seconds(5);
constexpr std::string_view kCallback = "/dapr.proto.runtime.v1.AppCallback/";

std::string route_of(const ComponentSpec& spec) {
  for (const auto& item : spec.metadata) {
    if (item.name == "route" && !item.value.empty()) return item.value;
  }
  return spec.name;
}

std::optional<trace::Context> parent_of(const Metadata& metadata) {
  if (const auto it = metadata.find("grpc-trace-bin"); it != metadata.end()) {
    if (auto context = trace::parse_binary(it->second)) return context;
  }
  const auto it = metadata.find("traceparent");
  return it == metadata.end() ? std::nullopt : trace::parse_traceparent(it->second);
}

Error refused(const AppAnswer& answer) {
  std::string message = "fails to send binding event to http app channel, status code: ";
  message.append(std::to_string(answer.status)).append(" body: ").append(answer.body, 0, 256);
  return {
      .code = code_of_http_status(answer.status),
      .message = std::move(message),
      .http_status = answer.status,
      .outcome = static_cast<int>(answer.status)
  };
}

std::string event_message(const std::string& name, const InputEvent& event) {
  std::string out;
  wire::bytes(out, 1, name);
  wire::bytes(out, 2, event.data);
  for (const auto& [key, value] : event.metadata) {
    std::string entry;
    wire::text(entry, 1, key);
    wire::text(entry, 2, value);
    wire::bytes_always(out, 3, entry);
  }
  return out;
}

}  // namespace

bool has_direction(const ComponentSpec& spec, std::string_view direction) {
  const auto value = spec.value("direction");
  return value && value->find(direction) != std::string_view::npos;
}

InputBindings::InputBindings(
    Application& application, OutputBindings& outputs, std::chrono::nanoseconds discovery_limit
)
    : application_(application), outputs_(outputs), discovery_limit_(discovery_limit) {}

asio::awaitable<void> InputBindings::start() {
  if (application_.channel == nullptr) co_return;
  started_ = true;
  const auto snapshot = application_.snapshot();
  RequestScope scope(application_, snapshot, Face::internal);
  const auto stops = stops_;
  for (const auto& [name, loaded] : snapshot->input_bindings) {
    if (loaded.instance == nullptr || running_.contains(name)) continue;
    if (!has_direction(*loaded.spec, "input")) {
      const auto asked = co_await wanted(scope, *loaded.spec, route_of(*loaded.spec));
      if (stops != stops_) co_return;
      if (!asked) {
        application_.log.error(
            "error reading from input binding " + name + ": " + asked.error().message
        );
        co_return;
      }
      if (!*asked) continue;
    }
    co_await start_one(name, snapshot);
  }
}

asio::awaitable<void> InputBindings::start_one(
    const std::string& name, std::shared_ptr<const Snapshot> snapshot
) {
  const auto& loaded = snapshot->input_bindings.find(name)->second;
  auto binding = loaded.instance;
  const auto route = route_of(*loaded.spec);
  auto handler = [this, name, route](InputEvent event) {
    return deliver(name, route, std::move(event));
  };
  const auto stops = stops_;
  const auto started = co_await binding->read(std::move(handler));
  if (!started) {
    application_.log.error(
        "error reading from input binding " + name + ": " + started.error().message
    );
  } else if (stops != stops_) {
    co_await binding->stop_reading(std::chrono::seconds(0));
  } else {
    running_[name] = std::move(binding);
  }
}

asio::awaitable<void> InputBindings::reload() {
  if (!started_) co_return;
  const auto snapshot = application_.snapshot();
  std::vector<std::shared_ptr<InputBinding>> ending;
  std::erase_if(running_, [&](const auto& item) {
    const auto* loaded = find<InputBinding>(snapshot->input_bindings, item.first);
    const bool stays = loaded != nullptr && loaded->instance == item.second;
    if (!stays) ending.push_back(item.second);
    return !stays;
  });
  for (const auto& binding : ending) co_await binding->stop_reading(kReplaceGrace);
  if (started_) co_await start();
}

asio::awaitable<void> InputBindings::stop(std::chrono::steady_clock::duration grace) {
  ++stops_;
  started_ = false;
  const auto end = std::chrono::steady_clock::now() + grace;
  auto running = std::exchange(running_, {});
  for (auto& [name, binding] : running) {
    const auto left = end - std::chrono::steady_clock::now();
    co_await binding->stop_reading(std::max(left, std::chrono::steady_clock::duration::zero()));
  }
}

Async<bool> InputBindings::wanted(
    RequestScope& scope, const ComponentSpec& spec, const std::string& route
) {
  auto& channel = *application_.channel;
  if (!channel.is_grpc()) {
    AppRequest request{.method = "OPTIONS", .target = request_target(route)};
    request.headers.add("Content-Type", "application/json");
    MECHA_CO_TRY(
        const auto answer, co_await channel.request(scope, std::move(request), discovery_limit_)
    );
    co_return answer.status / 100 == 2 || answer.status == 405;
  }
  if (!listed_) {
    listed_.emplace();
    const auto method = std::string(kCallback) + "ListInputBindings";
    auto called = co_await channel.call(scope, method, {}, {}, false, false, discovery_limit_);
    if (called && called->status.ok()) {
      for (wire::Reader field(called->message); field.next();) {
        if (field.field() == 1) listed_->insert(field.text());
      }
    }
  }
  co_return listed_->contains(spec.name);
}

Async<std::string> InputBindings::deliver(std::string name, std::string route, InputEvent event) {
  RequestScope scope(application_, application_.snapshot(), Face::internal);
  auto span = application_.tracer->start(
      "bindings/" + name, trace::Kind::client, parent_of(event.metadata)
  );
  scope.span = span.context();
  if (span.recorded()) {
    span.set("db.name", name);
    span.set("db.system", "bindings");
    span.set("db.connection_string", application_.channel->is_grpc() ? std::string(kCallback) + "OnBindingEvent" : "POST /" + name);
    span.set("rpc.service", "Dapr");
  }
  std::optional<std::string> other;  // the body of a 2xx answer that is not 200
  const auto attempt = [&](int) -> Async<std::string> {
    other.reset();
    if (application_.channel->is_grpc()) co_return co_await deliver_grpc(scope, name, event);
    MECHA_CO_TRY(auto answer, co_await deliver_http(scope, route, event));
    if (answer.status == 200) co_return std::move(answer.body);
    if (answer.status / 100 == 2) other = answer.body;
    co_return fail(refused(answer));
  };
  auto policy = scope.snapshot->resiliency->component_policy(
      name, ComponentKind::binding, resilience::Direction::inbound
  );
  auto delivered = co_await resilience::run<std::string>(scope, std::move(policy), attempt);
  // A policy takes anything but 200 for a failure; what counts in the end is 2xx.
  if (!delivered && other && delivered.error().outcome / 100 == 2) delivered = *std::move(other);
  record(name, delivered.has_value(), RequestScope::Clock::now() - scope.begun);
  if (!delivered) {
    const auto& error = delivered.error();
    if (error.http_status != 0) trace::fail(span, error.http_status);
    else span.fail(error.message);
    scope.tagged(application_.log)
        .debug("error from app consumer for binding [" + name + "]: " + delivered.error().message);
  }
  co_return std::move(delivered);
}

void InputBindings::record(
    const std::string& name, bool success, RequestScope::Clock::duration spent
) {
  if (application_.metrics == nullptr) return;
  const auto& name_space = application_.info.name_space;
  const std::string_view told = success ? "true" : "false";
  const auto milliseconds = std::chrono::duration<double, std::milli>(spent).count();
  application_.metrics->count(Metric::component_input_binding_count, {name, name_space, told});
  application_.metrics->observe(
      Metric::component_input_binding_latencies, {name, name_space, told}, milliseconds
  );
}

Async<AppAnswer> InputBindings::deliver_http(
    RequestScope& scope, const std::string& route, const InputEvent& event
) {
  AppRequest request{.method = "POST", .target = request_target(route), .body = event.data};
  MECHA_CO_TRY_VOID(add_metadata_headers(request.headers, event.metadata));
  request.headers.set("content-type", "application/json");
  co_return co_await application_.channel->request(scope, std::move(request));
}

Async<std::string> InputBindings::deliver_grpc(
    RequestScope& scope, const std::string& name, const InputEvent& event
) {
  const auto method = std::string(kCallback) + "OnBindingEvent";
  MECHA_CO_TRY(
      auto called,
      co_await application_.channel->call(scope, method, {}, event_message(name, event), false)
  );
  if (!called.status.ok()) {
    Error error{.code = called.status.code, .message = called.status.message};
    error.outcome = static_cast<int>(error.code);
    error.message = "error invoking app: " + error.as_rpc_text();
    co_return fail(std::move(error));
  }
  co_await pass_on(scope, std::move(called.message));
  co_return std::string();
}

// What the application answers for other bindings (`to`); errors are only logged (contract
// 03, 5.5).
asio::awaitable<void> InputBindings::pass_on(RequestScope& scope, std::string response) {
  Passing passing{.data = "null"};
  bool sequential = true;
  for (wire::Reader field(response); field.next();) {
    if (field.field() == 3) passing.to.push_back(field.text());
    if (field.field() == 4) {
      if (const auto parsed = json::parse(field.bytes())) passing.data = json::write(*parsed);
    }
    if (field.field() == 5) sequential = field.number() == 0;
  }
  passing.until_failure = sequential;
  const auto one = [&](std::size_t index) { return pass_one(scope, passing, index); };
  co_await for_each_parallel(passing.to.size(), sequential ? 1 : kPassedAtOnce, one);
}

asio::awaitable<void> InputBindings::pass_one(RequestScope& scope, Passing& passing, std::size_t index) {
  if (passing.failed && passing.until_failure) co_return;
  InvokeRequest request{.operation = "create", .data = passing.data};
  const auto outcome = co_await outputs_.invoke(scope, passing.to[index], std::move(request));
  if (!outcome.error) co_return;
  passing.failed = true;
  application_.log.error("error executing app response: " + outcome.error->message);
}

}  // namespace mecha::bindings
