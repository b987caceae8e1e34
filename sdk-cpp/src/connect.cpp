// Makes the channel from settings and environment, and gives each call what all calls carry.

#include "mecha/connect.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <grpcpp/create_channel.h>

#include "mecha/version.h"
#include "src/core.h"
#include "src/dial.h"
#include "src/endpoint.h"
#include "src/remote.h"
#include "src/sendable.h"

namespace mecha {
namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name
  );  // NOLINT(concurrency-mt-unsafe): read once, before there are threads of ours
  return value == nullptr ? std::string() : std::string(value);
}

std::optional<std::uint16_t> port_of(const std::string& text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

Result<std::string> endpoint_from_environment() {
  if (auto endpoint = variable("DAPR_GRPC_ENDPOINT"); !endpoint.empty()) return endpoint;
  const auto text = variable("DAPR_GRPC_PORT");
  if (text.empty()) return std::string("127.0.0.1:50001");
  if (!port_of(text))
    return fail(Code::invalid_argument, "DAPR_GRPC_PORT is \"" + text + "\", which is no port");
  return "127.0.0.1:" + text;
}

int clamp_size(std::size_t size) {
  constexpr std::size_t most = 2147483647;
  return static_cast<int>(size < most ? size : most);
}

grpc::ChannelArguments arguments(const ClientOptions& options, const wire::Endpoint& endpoint) {
  grpc::ChannelArguments to;
  to.SetUserAgentPrefix("mecha-sdk-cpp/" MECHA_SDK_VERSION);
  to.SetMaxReceiveMessageSize(clamp_size(options.message_size_max));
  to.SetMaxSendMessageSize(-1);
  to.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  // A sidecar that restarts on this machine is back within a second; do not wait two minutes before
  // looking.
  to.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  to.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  if (endpoint.near) to.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (options.tls && !options.tls->server_name.empty())
    to.SetSslTargetNameOverride(options.tls->server_name);
  return to;
}

std::shared_ptr<grpc::ChannelCredentials> credentials(
    const ClientOptions& options, const wire::Endpoint& endpoint
) {
  if (!options.tls && !endpoint.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions ssl;
  if (options.tls) {
    ssl.pem_root_certs = options.tls->roots;
    ssl.pem_cert_chain = options.tls->certificate;
    ssl.pem_private_key = options.tls->key;
  }
  return grpc::SslCredentials(ssl);
}

}  // namespace

AppEnvironment app_environment() {
  AppEnvironment app;
  app.app_id = variable("APP_ID");
  app.port = port_of(variable("APP_PORT"));
  app.channel_address = variable("APP_CHANNEL_ADDRESS");
  app.protocol = variable("APP_PROTOCOL");
  app.app_token = variable("APP_API_TOKEN");
  if (app.app_token.ends_with('\n')) app.app_token.pop_back();
  if (app.app_token.ends_with('\r')) app.app_token.pop_back();
  app.http_endpoint = variable("DAPR_HTTP_ENDPOINT");
  const auto http_port = port_of(variable("DAPR_HTTP_PORT"));
  if (app.http_endpoint.empty() && http_port)
    app.http_endpoint = "http://127.0.0.1:" + std::to_string(*http_port);
  return app;
}

namespace wire {
namespace {

// As generated stubs do it: a call then need not name its path again.
std::vector<grpc::internal::RpcMethod> register_methods(
    const std::shared_ptr<grpc::Channel>& channel
) {
#define MECHA_RPC_METHOD(Name, Kind) \
  {"/dapr.proto.runtime.v1.Dapr/" #Name, nullptr, grpc::internal::RpcMethod::Kind, channel},
  return {MECHA_RPCS(MECHA_RPC_METHOD)};
#undef MECHA_RPC_METHOD
}

}  // namespace
}  // namespace wire

Result<wire::Dialled> wire::dial(ClientOptions options) {
  if (options.endpoint.empty()) {
    auto endpoint = endpoint_from_environment();
    if (!endpoint) return std::move(endpoint).error();
    options.endpoint = std::move(*endpoint);
  }
  auto endpoint = parse_endpoint(options.endpoint);
  if (!endpoint) return std::move(endpoint).error();
  if (options.tls && options.tls->certificate.empty() != options.tls->key.empty()) {
    return fail(Code::invalid_argument, "TLS needs both a certificate and its key, or neither");
  }
  if (options.tls) {
    for (const auto& [name, text] :
         {std::pair("TlsOptions::roots", &options.tls->roots),
          std::pair("TlsOptions::certificate", &options.tls->certificate),
          std::pair("TlsOptions::key", &options.tls->key)}) {
      if (auto pem = check_pem(name, *text); !pem) return std::move(pem).error();
    }
    if (!is_header_value(options.tls->server_name))
      return fail(Code::invalid_argument, "TlsOptions::server_name is printable ASCII");
  }
  auto token = options.api_token
                   ? token_of(std::move(*options.api_token), "ClientOptions::api_token", false)
                   : token_of(variable("DAPR_API_TOKEN"), "DAPR_API_TOKEN", true);
  if (!token) return std::move(token).error();
  return Dialled{
      endpoint->target,
      credentials(options, *endpoint),
      arguments(options, *endpoint),
      std::move(*token)
  };
}

Result<std::shared_ptr<Api>> connect(ClientOptions options) {
  const auto timeout = options.timeout;
  auto dialled = wire::dial(std::move(options));
  if (!dialled) return std::move(dialled).error();
  auto core = std::make_shared<wire::Core>();
  core->channel =
      grpc::CreateCustomChannel(dialled->target, dialled->credentials, dialled->arguments);
  core->methods = wire::register_methods(core->channel);
  core->token = std::move(dialled->token);
  core->timeout = timeout;
  return std::shared_ptr<Api>(std::make_shared<wire::Remote>(std::move(core)));
}

namespace wire {

void add_trace(grpc::ClientContext& call, const TraceContext& trace) {
  const auto sent = sendable(trace);
  if (!sent.traceparent.empty()) call.AddMetadata("traceparent", sent.traceparent);
  if (!sent.tracestate.empty()) call.AddMetadata("tracestate", sent.tracestate);
  if (!sent.baggage.empty()) call.AddMetadata("baggage", sent.baggage);
}

std::optional<Error> Core::prepare(
    grpc::ClientContext& call, const CallOptions& options, const TaskContext* task
) const {
  auto headers = headers_of(options.metadata);
  if (!headers) return std::move(headers).error();
  const auto limit = options.timeout.value_or(timeout);
  if (limit != CallOptions::no_timeout) {
    auto deadline = detail::after<std::chrono::system_clock>(limit);
    if (task != nullptr && task->deadline) deadline = std::min(deadline, *task->deadline);
    call.set_deadline(deadline);
  }
  if (!token.empty()) call.AddMetadata("dapr-api-token", token);
  const TraceContext* trace = options.trace     ? options.trace.get()
                              : task != nullptr ? task->trace.get()
                                                : nullptr;
  if (trace != nullptr) add_trace(call, *trace);
  for (const auto& [key, value] : *headers) call.AddMetadata(key, value);
  return std::nullopt;
}

}  // namespace wire
}  // namespace mecha
