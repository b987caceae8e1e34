#include "api/grpc/secrets.hpp"

#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/secret.pb.h"
#include "runtime/capabilities/secrets/secrets.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
using secrets::SecretsCapability;

Async<pb::GetSecretResponse> get(SecretsCapability& capability, GrpcRequest& request, pb::GetSecretRequest message) {
  describe_component(request, "secrets", message.store_name());
  secrets::GetRequest wanted{message.store_name(), message.key(), to_metadata(message.metadata())};
  MECHA_CO_TRY(const auto secret, co_await capability.get(request.scope, std::move(wanted)));
  pb::GetSecretResponse answer;
  if (secret) put_all(*answer.mutable_data(), *secret);
  co_return answer;
}

Async<pb::GetBulkSecretResponse> bulk_get(
    SecretsCapability& capability, GrpcRequest& request, pb::GetBulkSecretRequest message
) {
  describe_component(request, "secrets", message.store_name());
  secrets::BulkGetRequest wanted{message.store_name(), to_metadata(message.metadata())};
  MECHA_CO_TRY(const auto all, co_await capability.bulk_get(request.scope, std::move(wanted)));
  pb::GetBulkSecretResponse answer;
  for (const auto& [name, secret] : all) put_all(*(*answer.mutable_data())[valid_text(name)].mutable_secrets(), secret);
  co_return answer;
}

}  // namespace

std::vector<GrpcMethod> secrets_methods(SecretsCapability& capability) {
  return {unary("GetSecret", "secrets.v1", capability, get), unary("GetBulkSecret", "secrets.v1", capability, bulk_get)};
}

}  // namespace mecha::api
