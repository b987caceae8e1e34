// What an implementation of the API answers for the calls that it does not override.

#include "mecha/client.h"

namespace mecha {
namespace {

template <class T>
Task<Result<T>> missing(const char* call) {
  return ready(Result<T>(fail(Code::unimplemented, std::string(call) + " is not implemented here"))
  );
}

}  // namespace

Task<Result<StateValue>> StateApi::get_state(GetStateRequest, CallOptions) {
  return missing<StateValue>("get_state");
}
Task<Result<StateItems>> StateApi::get_bulk_state(GetBulkStateRequest, CallOptions) {
  return missing<StateItems>("get_bulk_state");
}
Task<Result<void>> StateApi::save_state(ChangeStateRequest, CallOptions) {
  return missing<void>("save_state");
}
Task<Result<void>> StateApi::delete_state(ChangeStateRequest, CallOptions) {
  return missing<void>("delete_state");
}
Task<Result<void>> StateApi::delete_bulk_state(ChangeStateRequest, CallOptions) {
  return missing<void>("delete_bulk_state");
}
Task<Result<void>> StateApi::transact_state(ChangeStateRequest, CallOptions) {
  return missing<void>("transact_state");
}
Task<Result<StateItems>> StateApi::query_state(QueryStateRequest, CallOptions) {
  return missing<StateItems>("query_state");
}

}  // namespace mecha
