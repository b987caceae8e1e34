// A channel to another application: the sidecar learns from the metadata of each call where it
// goes.

#include <utility>

#include <grpcpp/support/client_interceptor.h>

#include "mecha/grpc.h"
#include "src/core.h"
#include "src/dial.h"
#include "src/sendable.h"
#include "src/threads.h"

namespace mecha {
namespace {

class Target final : public grpc::experimental::Interceptor {
 public:
  Target(const std::string& app_id, const std::string& token) : app_id_(app_id), token_(token) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA
        )) {
      auto* metadata = methods->GetSendInitialMetadata();
      metadata->emplace("dapr-app-id", app_id_);
      if (!token_.empty()) metadata->emplace("dapr-api-token", token_);
    }
    methods->Proceed();
  }

 private:
  const std::string& app_id_;
  const std::string& token_;
};

// Owned by the channel, and so alive as long as its calls.
class TargetFactory final : public grpc::experimental::ClientInterceptorFactoryInterface {
 public:
  TargetFactory(std::string app_id, std::string token)
      : app_id_(std::move(app_id)), token_(std::move(token)) {}
  grpc::experimental::Interceptor* CreateClientInterceptor(grpc::experimental::ClientRpcInfo*)
      override {
    return new Target(app_id_, token_);
  }

 private:
  std::string app_id_, token_;
};

}  // namespace

Result<std::shared_ptr<grpc::Channel>> proxy_channel(std::string app_id, ClientOptions options) {
  if (app_id.empty() || !wire::is_header_value(app_id))
    return fail(Code::invalid_argument, "the id of an application is printable ASCII");
  auto dialled = wire::dial(std::move(options));
  if (!dialled) return std::move(dialled).error();
  std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(
      std::make_unique<TargetFactory>(std::move(app_id), std::move(dialled->token))
  );
  wire::keep_callback_threads();
  return grpc::experimental::CreateCustomChannelWithInterceptors(
      dialled->target, dialled->credentials, dialled->arguments, std::move(interceptors)
  );
}

void add_trace(grpc::ClientContext& call, const TraceContext& trace) {
  wire::add_trace(call, trace);
}

}  // namespace mecha
