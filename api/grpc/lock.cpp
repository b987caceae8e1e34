#include "api/grpc/lock.hpp"

#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/lock.pb.h"
#include "runtime/capabilities/lock/lock.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
using lock::LockCapability;

static_assert(static_cast<int>(lock::UnlockStatus::success) == pb::UnlockResponse::SUCCESS);
static_assert(static_cast<int>(lock::UnlockStatus::lock_does_not_exist) == pb::UnlockResponse::LOCK_DOES_NOT_EXIST);
static_assert(static_cast<int>(lock::UnlockStatus::lock_belongs_to_others) == pb::UnlockResponse::LOCK_BELONGS_TO_OTHERS);

Async<pb::TryLockResponse> try_lock(LockCapability& locks, GrpcRequest& request, pb::TryLockRequest message) {
  lock::TryRequest wanted{
      .store = std::move(*message.mutable_store_name()),
      .resource_id = std::move(*message.mutable_resource_id()),
      .owner = std::move(*message.mutable_lock_owner()),
      .expiry_seconds = message.expiry_in_seconds()};
  MECHA_CO_TRY(const bool taken, co_await locks.try_lock(request.scope, std::move(wanted)));
  pb::TryLockResponse answer;
  answer.set_success(taken);
  co_return answer;
}

Async<pb::UnlockResponse> unlock(LockCapability& locks, GrpcRequest& request, pb::UnlockRequest message) {
  lock::ReleaseRequest wanted{
      .store = std::move(*message.mutable_store_name()),
      .resource_id = std::move(*message.mutable_resource_id()),
      .owner = std::move(*message.mutable_lock_owner())};
  MECHA_CO_TRY(const auto status, co_await locks.unlock(request.scope, std::move(wanted)));
  pb::UnlockResponse answer;
  answer.set_status(static_cast<pb::UnlockResponse::Status>(status));
  co_return answer;
}

}  // namespace

std::vector<GrpcMethod> lock_methods(LockCapability& locks) {
  return {unary("TryLockAlpha1", "lock.v1alpha1", locks, try_lock), unary("UnlockAlpha1", "unlock.v1alpha1", locks, unlock)};
}

}  // namespace mecha::api
