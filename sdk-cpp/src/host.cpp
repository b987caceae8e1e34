// The gRPC server of a service: one table of methods over a CallbackApi.

#include "src/host.h"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include <google/protobuf/empty.pb.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/calls.h"
#include "src/checked.h"
#include "src/dispatcher.h"
#include "src/events.h"
#include "src/sendable.h"
#include "src/threads.h"

namespace mecha::wire {
namespace {

using google::protobuf::Empty;

Metadata metadata_of(const grpc::CallbackServerContext& context) {
  Metadata to;
  for (const auto& [key, value] : context.client_metadata()) {
    const std::string name(key.data(), key.size());
    if (name != "dapr-api-token") to.emplace(name, std::string(value.data(), value.size()));
  }
  return to;
}

// None where the sidecar waits for ever.
std::optional<std::chrono::system_clock::time_point> deadline_of(
    const grpc::CallbackServerContext& context
) {
  const auto deadline = context.deadline();
  if (deadline > std::chrono::system_clock::now() + std::chrono::hours(24 * 365)) return std::nullopt;
  return deadline;
}

// Takes as long for a wrong token as for the right one.
bool same(const std::string& expected, grpc::string_ref given) {
  unsigned differs = expected.size() == given.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    differs |= static_cast<unsigned char>(given.data()[i]) ^
               static_cast<unsigned char>(expected[i % expected.size()]);
  }
  return differs == 0;
}

bool may_call(const grpc::CallbackServerContext& context, const std::string& token) {
  if (token.empty()) return true;
  const auto given = context.client_metadata().find("dapr-api-token");
  return given != context.client_metadata().end() && same(token, given->second);
}

// Sends the headers of an answer; an error for those that gRPC cannot carry.
grpc::Status send_headers(grpc::CallbackServerContext& context, const Metadata& headers) {
  const auto sent = headers_of(headers);
  if (!sent)
    return {grpc::StatusCode::INTERNAL, "a header of the answer: " + sent.error().message};
  for (const auto& [key, value] : *sent) context.AddInitialMetadata(key, value);
  return grpc::Status::OK;
}

// Why a port cannot be had, as the system says it; empty when it can.
std::string reason_of(const std::string& host, const std::string& port) {
  addrinfo hints{}, *list = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  if (const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list); error != 0)
    return gai_strerror(error);
  std::string reason;
  const int socket_number = socket(list->ai_family, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(socket_number, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(socket_number, list->ai_addr, list->ai_addrlen) != 0)
    reason = std::generic_category().message(errno);
  close(socket_number);
  freeaddrinfo(list);
  return reason;
}

std::shared_ptr<grpc::ServerCredentials> credentials(const HostOptions& options) {
  if (!options.tls) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({options.tls->key, options.tls->certificate});
  return grpc::SslServerCredentials(tls);
}

enum class Token { needed, not_needed };

/// What the sidecar calls, by the names of the protocol. Written out instead of generated, for a
/// request that cannot be read must not look like a method that is not there.
class Callbacks final : public grpc::Service {
 public:
  Callbacks(std::shared_ptr<CallbackApi> api, std::string token)
      : api_(std::move(api)), token_(std::move(token)), calls_(std::make_shared<OpenCalls>()) {
    const std::string app = "/dapr.proto.runtime.v1.AppCallback/";
    const std::string alpha = "/dapr.proto.runtime.v1.AppCallbackAlpha/";
    add<common::InvokeRequest, common::InvokeResponse>(
        app + "OnInvoke", Token::needed, &Callbacks::invoke
    );
    add<Empty, v1::ListTopicSubscriptionsResponse>(
        app + "ListTopicSubscriptions", Token::not_needed, &Callbacks::list_topics
    );
    add<v1::TopicEventRequest, v1::TopicEventResponse>(
        app + "OnTopicEvent", Token::needed, &Callbacks::topic
    );
    for (const auto& name : {app + "OnBulkTopicEvent", alpha + "OnBulkTopicEventAlpha1"}) {
      add<v1::TopicEventBulkRequest, v1::TopicEventBulkResponse>(
          name, Token::needed, &Callbacks::topic_bulk
      );
    }
    add<Empty, v1::ListInputBindingsResponse>(
        app + "ListInputBindings", Token::not_needed, &Callbacks::list_bindings
    );
    add<v1::BindingEventRequest, v1::BindingEventResponse>(
        app + "OnBindingEvent", Token::needed, &Callbacks::binding
    );
    for (const auto& name : {app + "OnJobEvent", alpha + "OnJobEventAlpha1"})
      add<v1::JobEventRequest, v1::JobEventResponse>(name, Token::needed, &Callbacks::job);
    add<Empty, v1::HealthCheckResponse>(
        "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck",
        Token::not_needed,
        &Callbacks::health
    );
    handed_over(this);
  }

  OpenCalls& calls() noexcept { return *calls_; }

 private:
  // A call that has begun: where it comes from, what it asks, and who answers.
  template <class Request, class Response>
  struct Asked {
    grpc::CallbackServerContext& context;
    Request& request;
    std::shared_ptr<Slot<Response>> slot;
    Metadata metadata;
  };
  template <class Request, class Response>
  using Begin = void (Callbacks::*)(Asked<Request, Response>);

  template <class Request, class Response>
  void add(const std::string& name, Token token, Begin<Request, Response> begin) {
    const auto index = static_cast<int>(names_.size());
    names_.push_back(std::make_unique<std::string>(name));
    AddMethod(new grpc::internal::RpcServiceMethod(
        names_.back()->c_str(), grpc::internal::RpcMethod::NORMAL_RPC, nullptr
    ));
    MarkMethodCallback(
        index,
        new grpc::internal::CallbackUnaryHandler<Checked<Request>, Response>(
            [this, token, begin](
                grpc::CallbackServerContext* context,
                const Checked<Request>* request,
                Response* response
            ) { return start(*context, *request, response, token, begin); }
        )
    );
  }

  template <class Request, class Response>
  grpc::ServerUnaryReactor* start(
      grpc::CallbackServerContext& context,
      const Checked<Request>& request,
      Response* response,
      Token token,
      Begin<Request, Response> begin
  ) {
    taken_over(this);
    auto slot = std::make_shared<Slot<Response>>(calls_, response);
    auto* reactor = slot->begin();
    if (token == Token::needed && !may_call(context, token_)) {
      slot->end(
          {grpc::StatusCode::UNAUTHENTICATED, "the token of the application is absent or wrong"}
      );
    } else if (!request.whole) {
      slot->end({grpc::StatusCode::INTERNAL, "the request is no message of this call"});
    } else {
      // gRPC made the request for this call alone; its parts are moved, not copied.
      auto& message = const_cast<Request&>(request.message);
      (this->*begin)({context, message, std::move(slot), metadata_of(context)});
    }
    return reactor;
  }

  // Starts the task and answers where it ends.
  template <class Request, class Response, class Value>
  void run(Asked<Request, Response>& asked, Task<Result<Value>> task) {
    TaskContext context;
    context.trace = trace_of(asked.metadata);
    context.stop = asked.slot->stop.get_token();
    context.deadline = deadline_of(asked.context);
    then_call(
        std::move(task),
        [slot = asked.slot, api = api_](Result<Value> got) {
          if (!got) return slot->end(to_status(got.error()));
          slot->answer([&]([[maybe_unused]] Response& to) {
            if constexpr (!std::is_void_v<Value>) wire::fill(to, std::move(*got));
            return grpc::Status::OK;
          });
        },
        std::move(context)
    );
  }

  void invoke(Asked<common::InvokeRequest, common::InvokeResponse> asked);
  void list_topics(Asked<Empty, v1::ListTopicSubscriptionsResponse> asked) {
    run(asked, api_->list_topics());
  }
  void topic(Asked<v1::TopicEventRequest, v1::TopicEventResponse> asked) {
    auto event = event_of(asked.request);
    auto metadata = asked.metadata;  // wins over the envelope: its span is the nearer one
    metadata.merge(event.metadata);
    event.metadata = std::move(metadata);
    run(asked, api_->on_topic(std::move(event)));
  }
  void topic_bulk(Asked<v1::TopicEventBulkRequest, v1::TopicEventBulkResponse> asked) {
    run(asked, api_->on_topic_bulk(batch_of(asked.request)));
  }
  void list_bindings(Asked<Empty, v1::ListInputBindingsResponse> asked) {
    run(asked, api_->list_bindings());
  }
  void binding(Asked<v1::BindingEventRequest, v1::BindingEventResponse> asked) {
    run(asked, api_->on_binding(binding_of(asked.request)));
  }
  void job(Asked<v1::JobEventRequest, v1::JobEventResponse> asked) {
    run(asked, api_->on_job(job_of(asked.request)));
  }
  void health(Asked<Empty, v1::HealthCheckResponse> asked) { run(asked, api_->health()); }

  std::shared_ptr<CallbackApi> api_;
  std::string token_;
  std::shared_ptr<OpenCalls> calls_;
  std::vector<std::unique_ptr<std::string>> names_;
};

void Callbacks::invoke(Asked<common::InvokeRequest, common::InvokeResponse> asked) {
  auto call = call_of(asked.request);
  call.metadata = asked.metadata;
  TaskContext context;
  context.trace = trace_of(asked.metadata);
  context.stop = asked.slot->stop.get_token();
  context.deadline = deadline_of(asked.context);
  then_call(
      api_->on_invoke(std::move(call)),
      [slot = asked.slot, api = api_, to = &asked.context](Result<MethodReply> got) {
        if (!got) return slot->end(to_status(got.error()));
        slot->answer([&](common::InvokeResponse& response) {
          auto status = send_headers(*to, got->headers);
          if (status.ok()) wire::fill(response, std::move(*got));
          return status;
        });
      },
      std::move(context)
  );
}

class Host final : public CallbackHost {
 public:
  Host(std::shared_ptr<CallbackApi> api, std::string token)
      : callbacks_(std::move(api), std::move(token)) {}
  ~Host() override { stop(std::chrono::steady_clock::now()); }

  Result<void> listen(const HostOptions& options) {
    grpc::ServerBuilder builder;
    // Otherwise two applications share a port, and nobody learns of it.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.SetMaxReceiveMessageSize(static_cast<int>(
        std::min<std::size_t>(options.message_size_max, std::numeric_limits<int>::max())
    ));
    builder.SetMaxSendMessageSize(-1);
    const bool six = options.address.find(':') != std::string::npos && options.address[0] != '[';
    const auto host = six ? "[" + options.address + "]" : options.address;
    const auto port = std::to_string(options.port);
    builder.AddListeningPort(host + ":" + port, credentials(options), &port_);
    builder.RegisterService(&callbacks_);
    server_ = builder.BuildAndStart();
    if (server_) return {};
    const auto reason = reason_of(options.address, port);
    if (reason.empty() && options.tls)
      return fail(Code::invalid_argument, "the certificate or the key for TLS cannot be used");
    return fail(
        Code::unavailable,
        "cannot listen on " + host + ":" + port + ": " +
            (reason.empty() ? "the server did not start" : reason)
    );
  }

  std::uint16_t port() const noexcept override { return static_cast<std::uint16_t>(port_); }

  std::size_t stop(std::chrono::steady_clock::time_point limit) override {
    if (!server_) return 0;
    const auto left = callbacks_.calls().wait_until(limit);
    for (const auto& call : left) {
      callbacks_.calls().stop(call->stop);
      call->end({grpc::StatusCode::UNAVAILABLE, "the application is stopping"});
    }
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    server_->Wait();
    server_.reset();
    callbacks_.calls().close(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    return left.size();
  }

 private:
  Callbacks callbacks_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace

Result<std::unique_ptr<CallbackHost>> CallbackHost::open(
    std::shared_ptr<CallbackApi> api, HostOptions options
) {
  auto host = std::make_unique<Host>(std::move(api), std::move(options.app_token));
  if (auto listens = host->listen(options); !listens) return std::move(listens).error();
  return std::unique_ptr<CallbackHost>(std::move(host));
}

}  // namespace mecha::wire
