#include "api/grpc/state.hpp"

#include <google/protobuf/empty.pb.h>

#include "api/errors/state.hpp"
#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/state.pb.h"
#include "runtime/capabilities/state/state.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
namespace common = dapr::proto::common::v1;
using google::protobuf::Empty;
using state::StateCapability;

std::string consistency_text(int consistency) {
  switch (consistency) {
    case common::StateOptions::CONSISTENCY_EVENTUAL: return "eventual";
    case common::StateOptions::CONSISTENCY_STRONG: return "strong";
    default: return "";
  }
}

state::Options options_of(const common::StateOptions& options) {
  state::Options out{.consistency = consistency_text(options.consistency())};
  if (options.concurrency() == common::StateOptions::CONCURRENCY_FIRST_WRITE) out.concurrency = "first-write";
  if (options.concurrency() == common::StateOptions::CONCURRENCY_LAST_WRITE) out.concurrency = "last-write";
  return out;
}

state::SetRequest set_request(common::StateItem& item) {
  return {
      .key = std::move(*item.mutable_key()),
      .value = std::move(*item.mutable_value()),
      .etag = std::move(*item.mutable_etag()->mutable_value()),
      .metadata = to_metadata(item.metadata()),
      .options = options_of(item.options())};
}

state::DeleteRequest delete_request(common::StateItem& item) {
  return {
      .key = std::move(*item.mutable_key()),
      .etag = std::move(*item.mutable_etag()->mutable_value()),
      .metadata = to_metadata(item.metadata()),
      .options = options_of(item.options())};
}

Async<pb::GetStateResponse> get(StateCapability& state, GrpcRequest& request, pb::GetStateRequest message) {
  describe_component(request, "state", message.store_name());
  MECHA_CO_TRY(const auto target, state.target(request.scope, message.store_name()));
  state::GetRequest get{
      .key = std::move(*message.mutable_key()),
      .consistency = consistency_text(message.consistency()),
      .metadata = to_metadata(message.metadata())};
  MECHA_CO_TRY(auto item, co_await state.get(request.scope, target, std::move(get)));
  pb::GetStateResponse answer;
  if (!item) co_return answer;
  answer.set_data(std::move(item->data));
  if (item->etag) answer.set_etag(valid_text(*std::move(item->etag)));
  put_all(*answer.mutable_metadata(), item->metadata);
  co_return answer;
}

Async<pb::GetBulkStateResponse> bulk_get(StateCapability& state, GrpcRequest& request, pb::GetBulkStateRequest message) {
  describe_component(request, "state", message.store_name());
  MECHA_CO_TRY(const auto target, state.target(request.scope, message.store_name()));
  const auto metadata = to_metadata(message.metadata());
  std::vector<state::GetRequest> requests;
  for (auto& key : *message.mutable_keys()) requests.push_back({.key = std::move(key), .metadata = metadata});
  MECHA_CO_TRY(
      auto items, co_await state.bulk_get(request.scope, target, std::move(requests), message.parallelism())
  );
  pb::GetBulkStateResponse answer;
  for (auto& item : items) {
    auto& out = *answer.add_items();
    out.set_key(std::move(item.key));
    if (item.error) out.set_error(valid_text(std::move(item.error->message)));
    if (!item.item) continue;
    out.set_data(std::move(item.item->data));
    if (item.item->etag) out.set_etag(valid_text(*std::move(item.item->etag)));
    put_all(*out.mutable_metadata(), item.item->metadata);
  }
  co_return answer;
}

Async<Empty> save(StateCapability& state, GrpcRequest& request, pb::SaveStateRequest message) {
  describe_component(request, "state", message.store_name());
  MECHA_CO_TRY(const auto target, state.target(request.scope, message.store_name()));
  std::vector<state::SetRequest> items;
  for (auto& item : *message.mutable_states()) {
    auto& made = items.emplace_back(set_request(item));
    // Bytes that are said to be JSON are stored as a document, like those of the HTTP face.
    const auto type = made.metadata.find("contentType");
    if (type == made.metadata.end() || type->second != "application/json") continue;
    auto document = json::parse(std::get<std::string>(made.value));
    if (!document) co_return fail(Code::unknown, document.error().message);
    made.value = *std::move(document);
  }
  MECHA_CO_TRY_VOID(co_await state.save(request.scope, target, std::move(items)));
  co_return Empty();
}

Async<Empty> remove(StateCapability& state, GrpcRequest& request, pb::DeleteStateRequest message) {
  describe_component(request, "state", message.store_name());
  MECHA_CO_TRY(const auto target, state.target(request.scope, message.store_name()));
  state::DeleteRequest remove{
      .key = std::move(*message.mutable_key()),
      .etag = std::move(*message.mutable_etag()->mutable_value()),
      .metadata = to_metadata(message.metadata()),
      .options = options_of(message.options())};
  MECHA_CO_TRY_VOID(co_await state.remove(request.scope, target, std::move(remove)));
  co_return Empty();
}

Async<Empty> bulk_delete(StateCapability& state, GrpcRequest& request, pb::DeleteBulkStateRequest message) {
  describe_component(request, "state", message.store_name());
  MECHA_CO_TRY(const auto target, state.target(request.scope, message.store_name()));
  std::vector<state::DeleteRequest> items;
  for (auto& item : *message.mutable_states()) items.push_back(delete_request(item));
  MECHA_CO_TRY_VOID(co_await state.bulk_delete(request.scope, target, std::move(items)));
  co_return Empty();
}

Async<Empty> transact(StateCapability& state, GrpcRequest& request, pb::ExecuteStateTransactionRequest message) {
  describe_component(request, "state", message.storename());
  MECHA_CO_TRY(const auto target, state.target(request.scope, message.storename()));
  MECHA_CO_TRY_VOID(state.check_transactional(target));
  state::TransactRequest transaction{.metadata = to_metadata(message.metadata())};
  for (auto& operation : *message.mutable_operations()) {
    if (operation.operationtype() == "upsert") {
      transaction.operations.emplace_back(set_request(*operation.mutable_request()));
    } else if (operation.operationtype() == "delete") {
      transaction.operations.emplace_back(delete_request(*operation.mutable_request()));
    } else {
      co_return fail(errors::state_operation_not_supported(operation.operationtype()));
    }
  }
  MECHA_CO_TRY_VOID(co_await state.transact(request.scope, target, std::move(transaction)));
  co_return Empty();
}

Async<pb::QueryStateResponse> query(StateCapability& state, GrpcRequest& request, pb::QueryStateRequest message) {
  describe_component(request, "state", message.store_name());
  MECHA_CO_TRY(const auto target, state.target(request.scope, message.store_name(), true));
  MECHA_CO_TRY(
      auto result,
      co_await state.query(
          request.scope, target, std::move(*message.mutable_query()), to_metadata(message.metadata())
      )
  );
  pb::QueryStateResponse answer;
  for (auto& item : result.results) {
    auto& out = *answer.add_results();
    out.set_key(valid_text(std::move(item.key)));
    out.set_data(std::move(item.data));
    if (item.etag) out.set_etag(valid_text(*std::move(item.etag)));
    out.set_error(valid_text(std::move(item.error)));
  }
  answer.set_token(valid_text(std::move(result.token)));
  put_all(*answer.mutable_metadata(), result.metadata);
  co_return answer;
}

}  // namespace

std::vector<GrpcMethod> state_methods(StateCapability& state) {
  const std::string group = "state.v1";
  return {
      unary("GetState", group, state, get),
      unary("GetBulkState", group, state, bulk_get),
      unary("SaveState", group, state, save),
      unary("DeleteState", group, state, remove),
      unary("DeleteBulkState", group, state, bulk_delete),
      unary("ExecuteStateTransaction", group, state, transact),
      unary("QueryStateAlpha1", "state.v1alpha1", state, query),
  };
}

}  // namespace mecha::api
