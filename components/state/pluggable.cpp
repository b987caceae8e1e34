// State store in a process of its own (contract 06, section 8; 04b): what the store offers is what its features say.

#include <algorithm>
#include <atomic>
#include <mutex>

#include "components/catalog.hpp"
#include "components/pluggable/messages.hpp"
#include "components/state/state_store.hpp"
#include "dapr/proto/components/v1/state.pb.h"

namespace mecha::state {
namespace {

namespace proto = dapr::proto::components::v1;
using pluggable::ask;
using pluggable::Link;

proto::StateOptions::StateConsistency consistency_of(const std::string& name) {
  if (name == "eventual") return proto::StateOptions::CONSISTENCY_EVENTUAL;
  if (name == "strong") return proto::StateOptions::CONSISTENCY_STRONG;
  return proto::StateOptions::CONSISTENCY_UNSPECIFIED;
}

void fill_options(proto::StateOptions& to, const Options& from) {
  if (from.concurrency == "first-write") to.set_concurrency(proto::StateOptions::CONCURRENCY_FIRST_WRITE);
  if (from.concurrency == "last-write") to.set_concurrency(proto::StateOptions::CONCURRENCY_LAST_WRITE);
  to.set_consistency(consistency_of(from.consistency));
}

void fill_get(proto::GetRequest& to, const GetRequest& from) {
  to.set_key(from.key);
  pluggable::fill(*to.mutable_metadata(), from.metadata);
  to.set_consistency(consistency_of(from.consistency));
}

void fill_delete(proto::DeleteRequest& to, const DeleteRequest& from) {
  to.set_key(from.key);
  if (!from.etag.empty()) to.mutable_etag()->set_value(from.etag);
  pluggable::fill(*to.mutable_metadata(), from.metadata);
  fill_options(*to.mutable_options(), from.options);
}

Result<void> fill_set(proto::SetRequest& to, SetRequest from) {
  const auto* document = std::get_if<json::Value>(&from.value);
  if (document != nullptr && document->is_null()) {
    return fail(Code::invalid_argument, "an attempt to set a nil value was received, try to use Delete instead");
  }
  to.set_key(from.key);
  to.set_value(to_bytes(std::move(from.value)));
  if (!from.etag.empty()) to.mutable_etag()->set_value(from.etag);
  pluggable::fill(*to.mutable_metadata(), from.metadata);
  fill_options(*to.mutable_options(), from.options);
  to.set_content_type(from.content_type);
  return {};
}

// Of a GetResponse or a BulkStateItem; a key that is missing has nothing at all.
template <class Message>
std::optional<Item> item_of(const Message& from) {
  if (from.data().empty() && !from.has_etag() && from.metadata().empty()) return std::nullopt;
  Item item{.data = from.data(), .metadata = pluggable::texts(from.metadata()), .no_data = from.data().empty()};
  if (from.has_etag()) item.etag = from.etag().value();
  return item;
}

Error etag_error(const net::grpc::Status& status) {
  const bool mismatch = status.code == Code::failed_precondition;
  if (mismatch || status.code == Code::invalid_argument) {
    if (const auto violation = pluggable::etag_violation(status)) {
      return (mismatch ? etag_mismatch(*violation) : etag_invalid(*violation)).error();
    }
  }
  return pluggable::status_error(status);
}

Error bulk_delete_error(const net::grpc::Status& status) {
  if (status.code != Code::internal) return etag_error(status);
  const auto rows = pluggable::row_mismatch(status);
  if (!rows) return rows.error();
  if (!*rows) return etag_error(status);
  const auto [expected, affected] = **rows;
  return {
      .code = Code::internal,
      .message = "delete affected only " + std::to_string(affected) + " rows, expected " + std::to_string(expected)
  };
}

// The query's form has been checked (contract 02, 1.12). Each member of the filter is JSON of its own.
void fill_query(proto::Query& to, const json::Value& query) {
  if (const auto* filter = query.find("filter"); filter != nullptr && filter->is_object()) {
    for (const auto& [name, value] : filter->as_object()) (*to.mutable_filter())[name].set_value(json::write(value));
  }
  if (const auto* sort = query.find("sort"); sort != nullptr && sort->is_array()) {
    for (const auto& one : sort->as_array()) {
      auto& sorting = *to.add_sort();
      sorting.set_key(std::string(one.text("key")));
      sorting.set_order(one.text("order") == "DESC" ? proto::Sorting::DESC : proto::Sorting::ASC);
    }
  }
  auto& pagination = *to.mutable_pagination();
  const auto* page = query.find("page");
  if (page == nullptr) return;
  if (const auto* limit = page->find("limit"); limit != nullptr && limit->is_number()) pagination.set_limit(limit->as_int().value_or(0));
  pagination.set_token(std::string(page->text("token")));
}

class PluggableStore final : public StateStore {
 public:
  PluggableStore(const ComponentSpec& spec, const ComponentContext& context, const pluggable::Remote& remote)
      : properties_(pluggable::properties(spec)),
        link_(std::make_shared<Link>(context, remote, [this](Link& link) { return greet(link); })) {}

  Async<void> start() override { return link_->start(); }
  Async<void> stop() override {
    co_await link_->stop();
    co_return Result<void>{};
  }
  std::vector<std::string> features() const override {
    const std::lock_guard lock(mutex_);
    return features_;
  }

  Async<std::optional<Item>> get(GetRequest request) override {
    proto::GetRequest message;
    fill_get(message, request);
    MECHA_CO_TRY(const auto answer, co_await ask<proto::GetResponse>(*link_, "StateStore/Get", std::move(message)));
    co_return item_of(answer);
  }

  Async<void> set(SetRequest request) override {
    proto::SetRequest message;
    MECHA_CO_TRY_VOID(fill_set(message, std::move(request)));
    MECHA_CO_TRY_VOID(co_await ask<proto::SetResponse>(*link_, "StateStore/Set", std::move(message), &etag_error));
    co_return Result<void>{};
  }

  Async<void> remove(DeleteRequest request) override {
    proto::DeleteRequest message;
    fill_delete(message, request);
    MECHA_CO_TRY_VOID(co_await ask<proto::DeleteResponse>(*link_, "StateStore/Delete", std::move(message), &etag_error));
    co_return Result<void>{};
  }

  Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int parallelism) override {
    proto::BulkGetRequest message;
    for (const auto& request : requests) fill_get(*message.add_items(), request);
    message.mutable_options()->set_parallelism(parallelism);
    const auto answer = co_await ask<proto::BulkGetResponse>(*link_, "StateStore/BulkGet", std::move(message));
    if (!answer && answer.error().code == Code::unimplemented) co_return co_await StateStore::bulk_get(std::move(requests), parallelism);
    if (!answer) co_return fail(answer.error());
    std::vector<BulkItem> items;
    for (const auto& one : answer->items()) {
      auto& item = items.emplace_back(BulkItem{.key = one.key(), .item = item_of(one), .error = {}});
      if (!one.error().empty()) item.error = Error{.code = Code::unknown, .message = one.error()};
    }
    co_return items;
  }

  Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests) override {
    proto::BulkSetRequest message;
    for (const auto& request : requests) MECHA_CO_TRY_VOID(fill_set(*message.add_items(), request));
    message.mutable_options();
    const auto done = co_await ask<proto::BulkSetResponse>(*link_, "StateStore/BulkSet", std::move(message), &etag_error);
    if (!done && done.error().code == Code::unimplemented) co_return co_await StateStore::bulk_set(std::move(requests));
    if (!done) co_return fail(done.error());
    co_return std::vector<KeyError>();
  }

  Async<std::vector<KeyError>> bulk_delete(std::vector<DeleteRequest> requests) override {
    proto::BulkDeleteRequest message;
    for (const auto& request : requests) fill_delete(*message.add_items(), request);
    message.mutable_options();
    const auto done = co_await ask<proto::BulkDeleteResponse>(*link_, "StateStore/BulkDelete", std::move(message), &bulk_delete_error);
    if (!done && done.error().code == Code::unimplemented) co_return co_await StateStore::bulk_delete(std::move(requests));
    if (!done) co_return fail(done.error());
    co_return std::vector<KeyError>();
  }

  bool transactional() const override { return transactional_; }
  std::size_t operations_max() const override { return operations_max_; }

  Async<void> transact(TransactRequest request) override {
    proto::TransactionalStateRequest message;
    for (auto& operation : request.operations) {
      auto& one = *message.add_operations();
      if (auto* set = std::get_if<SetRequest>(&operation)) MECHA_CO_TRY_VOID(fill_set(*one.mutable_set(), std::move(*set)));
      if (const auto* gone = std::get_if<DeleteRequest>(&operation)) fill_delete(*one.mutable_delete_(), *gone);
    }
    pluggable::fill(*message.mutable_metadata(), request.metadata);
    MECHA_CO_TRY_VOID(co_await ask<proto::TransactionalStateResponse>(*link_, "TransactionalStateStore/Transact", std::move(message)));
    co_return Result<void>{};
  }

  bool queries() const override { return queries_; }

  Async<QueryResult> query(QueryRequest request) override {
    proto::QueryRequest message;
    fill_query(*message.mutable_query(), request.query);
    pluggable::fill(*message.mutable_metadata(), request.metadata);
    MECHA_CO_TRY(const auto answer, co_await ask<proto::QueryResponse>(*link_, "QueriableStateStore/Query", std::move(message)));
    QueryResult result{.results = {}, .token = answer.token(), .metadata = pluggable::texts(answer.metadata())};
    for (const auto& one : answer.items()) {
      auto& item = result.results.emplace_back(QueryItem{.key = one.key(), .data = one.data(), .etag = {}, .error = one.error()});
      if (one.has_etag()) item.etag = one.etag().value();
    }
    co_return result;
  }

 private:
  Async<void> greet(Link& link) {
    proto::InitRequest init;
    pluggable::fill(*init.mutable_metadata()->mutable_properties(), properties_);
    MECHA_CO_TRY_VOID(co_await pluggable::greet<proto::InitResponse>(link, "StateStore/Init", std::move(init)));
    MECHA_CO_TRY(
        const auto answer, co_await pluggable::greet<proto::FeaturesResponse>(link, "StateStore/Features", proto::FeaturesRequest())
    );
    std::vector<std::string> features(answer.features().begin(), answer.features().end());
    const auto has = [&](std::string_view name) { return std::ranges::find(features, name) != features.end(); };
    queries_ = has(kQueryApi);
    transactional_ = has(kTransactional);
    operations_max_ = 0;
    if (transactional_) {  // a store without the service has no limit
      const auto size = co_await pluggable::greet<proto::MultiMaxSizeResponse>(
          link, "TransactionalStoreMultiMaxSize/MultiMaxSize", proto::MultiMaxSizeRequest()
      );
      if (size && size->max_size() > 0) operations_max_ = static_cast<std::size_t>(size->max_size());
    }
    const std::lock_guard lock(mutex_);
    features_ = std::move(features);
    co_return Result<void>{};
  }

  const std::map<std::string, std::string> properties_;
  std::atomic<bool> queries_ = false, transactional_ = false;
  std::atomic<std::size_t> operations_max_ = 0;
  mutable std::mutex mutex_;  // of features_, which another process of the component may change
  std::vector<std::string> features_;
  const std::shared_ptr<Link> link_;
};

}  // namespace

void register_pluggable(Catalog& catalog) { catalog.add_remote<PluggableStore>("state", {"StateStore"}); }

}  // namespace mecha::state
