// Bindings, secrets and locks over the wire: one request, one answer.

#include <limits>
#include <string>
#include <utility>

#include "src/remote.h"
#include "src/unary.h"

namespace mecha::wire {
namespace {

Result<BindingResponse> response_of(v1::InvokeBindingResponse& answer, const grpc::ClientContext&) {
  return BindingResponse{std::move(*answer.mutable_data()), take_map(*answer.mutable_metadata())};
}

Result<Secret> secret_of(v1::GetSecretResponse& answer, const grpc::ClientContext&) {
  return take_map(*answer.mutable_data());
}

Result<Secrets> secrets_of(v1::GetBulkSecretResponse& answer, const grpc::ClientContext&) {
  Secrets to;
  for (auto& [key, secret] : *answer.mutable_data())
    to.emplace(key, take_map(*secret.mutable_secrets()));
  return to;
}

Result<bool> locked(v1::TryLockResponse& answer, const grpc::ClientContext&) {
  return answer.success();
}

Result<UnlockStatus> unlocked(v1::UnlockResponse& answer, const grpc::ClientContext&) {
  const int status = answer.status();
  if (status < 0 || status > 3) return UnlockStatus::internal_error;
  return static_cast<UnlockStatus>(status);
}

}  // namespace

Task<Result<BindingResponse>> Remote::invoke_binding(BindingRequest request, CallOptions options) {
  auto* call = make_unary<BindingResponse>(
      core_,
      MECHA_METHOD(InvokeBinding, v1::InvokeBindingRequest, v1::InvokeBindingResponse),
      &response_of,
      std::move(options)
  );
  call->request.set_name(std::move(request.binding));
  call->request.set_operation(std::move(request.operation));
  call->request.set_data(std::move(request.data));
  fill(*call->request.mutable_metadata(), std::move(request.metadata));
  return detail::TaskAccess::make(call);
}

Task<Result<Secret>> Remote::get_secret(GetSecretRequest request, CallOptions options) {
  auto* call = make_unary<Secret>(
      core_,
      MECHA_METHOD(GetSecret, v1::GetSecretRequest, v1::GetSecretResponse),
      &secret_of,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  call->request.set_key(std::move(request.key));
  fill(*call->request.mutable_metadata(), std::move(request.metadata));
  return detail::TaskAccess::make(call);
}

Task<Result<Secrets>> Remote::get_all_secrets(GetSecretRequest request, CallOptions options) {
  auto* call = make_unary<Secrets>(
      core_,
      MECHA_METHOD(GetBulkSecret, v1::GetBulkSecretRequest, v1::GetBulkSecretResponse),
      &secrets_of,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  fill(*call->request.mutable_metadata(), std::move(request.metadata));
  return detail::TaskAccess::make(call);
}

Task<Result<bool>> Remote::try_lock(LockRequest request, CallOptions options) {
  if (request.expiry.count() > std::numeric_limits<std::int32_t>::max()) {
    return ready(Result<bool>(
        fail(Code::invalid_argument, "the expiry of a lock is at most 2147483647 seconds")
    ));
  }
  auto* call = make_unary<bool>(
      core_,
      MECHA_METHOD(TryLockAlpha1, v1::TryLockRequest, v1::TryLockResponse),
      &locked,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  call->request.set_resource_id(std::move(request.resource));
  call->request.set_lock_owner(std::move(request.owner));
  call->request.set_expiry_in_seconds(static_cast<std::int32_t>(request.expiry.count()));
  return detail::TaskAccess::make(call);
}

Task<Result<UnlockStatus>> Remote::unlock(LockRequest request, CallOptions options) {
  auto* call = make_unary<UnlockStatus>(
      core_,
      MECHA_METHOD(UnlockAlpha1, v1::UnlockRequest, v1::UnlockResponse),
      &unlocked,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  call->request.set_resource_id(std::move(request.resource));
  call->request.set_lock_owner(std::move(request.owner));
  return detail::TaskAccess::make(call);
}

}  // namespace mecha::wire
