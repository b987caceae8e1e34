// The API over gRPC: one class per capability, joined in Remote. Each call makes one operation.
#pragma once

#include <memory>

#include "mecha/client.h"

namespace mecha::wire {

struct Core;

class Remote final : public Api {
 public:
  explicit Remote(std::shared_ptr<const Core> core) : core_(std::move(core)) {}

  Task<Result<StateValue>> get_state(GetStateRequest request, CallOptions options) override;
  Task<Result<StateItems>> get_bulk_state(GetBulkStateRequest request, CallOptions options)
      override;
  Task<Result<void>> save_state(ChangeStateRequest request, CallOptions options) override;
  Task<Result<void>> delete_state(ChangeStateRequest request, CallOptions options) override;
  Task<Result<void>> delete_bulk_state(ChangeStateRequest request, CallOptions options) override;
  Task<Result<void>> transact_state(ChangeStateRequest request, CallOptions options) override;
  Task<Result<StateItems>> query_state(QueryStateRequest request, CallOptions options) override;

 private:
  std::shared_ptr<const Core> core_;
};

}  // namespace mecha::wire
