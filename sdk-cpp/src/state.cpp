// State over the wire: requests into messages, messages into values.

#include "mecha/state.h"

#include <string>
#include <utility>

#include "src/changes.h"
#include "src/remote.h"
#include "src/unary.h"

namespace mecha::wire {
namespace {

using google::protobuf::Empty;

void fill_options(common::StateOptions& to, const WriteOptions& from) {
  to.set_concurrency(static_cast<common::StateOptions_StateConcurrency>(concurrency_of(from)));
  to.set_consistency(static_cast<common::StateOptions_StateConsistency>(from.consistency));
}

bool has_options(const WriteOptions& from) {
  return concurrency_of(from) != Concurrency::unspecified ||
         from.consistency != Consistency::unspecified;
}

// Key, etag, options and metadata, which stand in StateItem and DeleteStateRequest alike.
template <class Message>
void fill_change(Message& to, StateChange&& from) {
  to.set_key(std::move(from.key));
  if (has_options(from.options)) fill_options(*to.mutable_options(), from.options);
  if (from.options.etag && !from.options.etag->empty())
    to.mutable_etag()->set_value(std::move(*from.options.etag));
  fill(*to.mutable_metadata(), std::move(from.options.metadata));
  if (from.options.ttl) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*from.options.ttl);
    (*to.mutable_metadata())["ttlInSeconds"] = std::to_string(seconds.count());
  }
}

void fill_item(common::StateItem& to, StateChange&& from) {
  if (from.kind == StateChange::Kind::upsert) to.set_value(std::move(from.value));
  fill_change(to, std::move(from));
}

Result<StateValue> value_of(v1::GetStateResponse& answer, const grpc::ClientContext&) {
  return StateValue{
      std::move(*answer.mutable_data()),
      std::move(*answer.mutable_etag()),
      take_map(*answer.mutable_metadata())
  };
}

Result<StateItems> items_of(v1::GetBulkStateResponse& answer, const grpc::ClientContext&) {
  StateItems to;
  to.items.reserve(static_cast<std::size_t>(answer.items_size()));
  for (auto& item : *answer.mutable_items()) {
    StateValue value{
        std::move(*item.mutable_data()),
        std::move(*item.mutable_etag()),
        take_map(*item.mutable_metadata())
    };
    to.items.push_back(
        {std::move(*item.mutable_key()), std::move(value), std::move(*item.mutable_error())}
    );
  }
  return to;
}

Result<StateItems> page_of(v1::QueryStateResponse& answer, const grpc::ClientContext&) {
  StateItems to;
  to.items.reserve(static_cast<std::size_t>(answer.results_size()));
  for (auto& item : *answer.mutable_results()) {
    StateValue value{std::move(*item.mutable_data()), std::move(*item.mutable_etag()), {}};
    to.items.push_back(
        {std::move(*item.mutable_key()), std::move(value), std::move(*item.mutable_error())}
    );
  }
  to.token = std::move(*answer.mutable_token());
  to.metadata = take_map(*answer.mutable_metadata());
  return to;
}

}  // namespace

Task<Result<StateValue>> Remote::get_state(GetStateRequest request, CallOptions options) {
  auto* call = make_unary<StateValue>(
      core_,
      MECHA_METHOD(GetState, v1::GetStateRequest, v1::GetStateResponse),
      &value_of,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  call->request.set_key(std::move(request.key));
  call->request.set_consistency(
      static_cast<common::StateOptions_StateConsistency>(request.options.consistency)
  );
  fill(*call->request.mutable_metadata(), std::move(request.options.metadata));
  return detail::TaskAccess::make(call);
}

Task<Result<StateItems>> Remote::get_bulk_state(GetBulkStateRequest request, CallOptions options) {
  auto* call = make_unary<StateItems>(
      core_,
      MECHA_METHOD(GetBulkState, v1::GetBulkStateRequest, v1::GetBulkStateResponse),
      &items_of,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  for (auto& key : request.keys) call->request.add_keys(std::move(key));
  call->request.set_parallelism(request.parallelism);
  fill(*call->request.mutable_metadata(), std::move(request.metadata));
  return detail::TaskAccess::make(call);
}

Task<Result<void>> Remote::save_state(ChangeStateRequest request, CallOptions options) {
  if (auto bad = changes_problem(request.changes, StateChange::Kind::upsert))
    return ready(Result<void>(std::move(*bad)));
  auto* call = make_unary<void>(
      core_,
      MECHA_METHOD(SaveState, v1::SaveStateRequest, Empty),
      &nothing<Empty>,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  for (auto& change : request.changes) fill_item(*call->request.add_states(), std::move(change));
  return detail::TaskAccess::map<Conflict>(detail::TaskAccess::make<Result<void>>(call));
}

Task<Result<void>> Remote::delete_state(ChangeStateRequest request, CallOptions options) {
  if (request.changes.size() != 1) {
    return ready(Result<void>(fail(Code::invalid_argument, "delete_state takes one change")));
  }
  if (auto bad = changes_problem(request.changes, StateChange::Kind::erase))
    return ready(Result<void>(std::move(*bad)));
  auto* call = make_unary<void>(
      core_,
      MECHA_METHOD(DeleteState, v1::DeleteStateRequest, Empty),
      &nothing<Empty>,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  fill_change(call->request, std::move(request.changes.front()));
  return detail::TaskAccess::make(call);
}

Task<Result<void>> Remote::delete_bulk_state(ChangeStateRequest request, CallOptions options) {
  if (auto bad = changes_problem(request.changes, StateChange::Kind::erase))
    return ready(Result<void>(std::move(*bad)));
  auto* call = make_unary<void>(
      core_,
      MECHA_METHOD(DeleteBulkState, v1::DeleteBulkStateRequest, Empty),
      &nothing<Empty>,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  for (auto& change : request.changes) fill_item(*call->request.add_states(), std::move(change));
  return detail::TaskAccess::make(call);
}

Task<Result<void>> Remote::transact_state(ChangeStateRequest request, CallOptions options) {
  if (auto bad = changes_problem(request.changes)) return ready(Result<void>(std::move(*bad)));
  auto* call = make_unary<void>(
      core_,
      MECHA_METHOD(ExecuteStateTransaction, v1::ExecuteStateTransactionRequest, Empty),
      &nothing<Empty>,
      std::move(options)
  );
  call->request.set_storename(std::move(request.store));
  for (auto& change : request.changes) {
    auto& operation = *call->request.add_operations();
    operation.set_operationtype(change.kind == StateChange::Kind::upsert ? "upsert" : "delete");
    fill_item(*operation.mutable_request(), std::move(change));
  }
  fill(*call->request.mutable_metadata(), std::move(request.metadata));
  return detail::TaskAccess::map<Conflict>(detail::TaskAccess::make<Result<void>>(call));
}

Task<Result<StateItems>> Remote::query_state(QueryStateRequest request, CallOptions options) {
  auto* call = make_unary<StateItems>(
      core_,
      MECHA_METHOD(QueryStateAlpha1, v1::QueryStateRequest, v1::QueryStateResponse),
      &page_of,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  call->request.set_query(std::move(request.query));
  fill(*call->request.mutable_metadata(), std::move(request.metadata));
  return detail::TaskAccess::make(call);
}

}  // namespace mecha::wire
