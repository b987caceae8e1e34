#include "runtime/capabilities/state/state.hpp"

#include <algorithm>

#include "api/errors/component.hpp"
#include "api/errors/state.hpp"
#include "runtime/app/snapshot.hpp"
#include "runtime/capabilities/state/encryption.hpp"
#include "runtime/capabilities/state/key.hpp"
#include "runtime/capabilities/state/outbound.hpp"
#include "runtime/capabilities/state/outbox.hpp"
#include "runtime/capabilities/state/query.hpp"

namespace mecha::state {
namespace {

const std::string* shown_app_id(const RequestScope& scope, bool query) {
  return scope.face == Face::http && !query ? &scope.app.info.id : nullptr;
}

std::string prefix_of(const RequestScope& scope, Target target) {
  return key_prefix(*target.spec, scope.app.info.id, scope.app.info.name_space);
}

Error illegal_key(const RequestScope& scope, Target target, std::string_view key) {
  return errors::state_illegal_key(key, target.spec->name, key, scope.face == Face::http);
}

// Puts the prefix before the key of each request; fails with the first key that holds the separator.
template <class R>
Result<void> prefix_all(const RequestScope& scope, Target target, std::vector<R>& requests) {
  const auto prefix = prefix_of(scope, target);
  for (auto& request : requests) {
    if (!legal_key(request.key)) return fail(illegal_key(scope, target, request.key));
    request.key.insert(0, prefix);
  }
  return {};
}

// What is sealed of a value: bytes and texts as they are, other documents as JSON (contract 02, 1.14).
std::string plain_of(Value value) {
  auto* document = std::get_if<json::Value>(&value);
  if (document != nullptr && document->is_string()) return std::move(document->as_string());
  return to_bytes(std::move(value));
}

Result<void> seal(const Encryption& encryption, SetRequest& request) {
  MECHA_TRY(request.value, encryption.seal(plain_of(std::move(request.value))));
  return {};
}

// Replaces the values of writes by sealed ones where the store encrypts.
Result<void> seal_all(Target target, std::vector<SetRequest>& requests) {
  MECHA_TRY(const auto encryption, Encryption::of(*target.spec));
  if (!encryption) return {};
  for (auto& request : requests) MECHA_TRY_VOID(seal(*encryption, request));
  return {};
}

Result<void> seal_all(Target target, std::vector<Operation>& operations) {
  MECHA_TRY(const auto encryption, Encryption::of(*target.spec));
  if (!encryption) return {};
  for (auto& operation : operations) {
    if (auto* set = std::get_if<SetRequest>(&operation)) MECHA_TRY_VOID(seal(*encryption, *set));
  }
  return {};
}

Result<void> open_item(const Encryption& encryption, Item& item) {
  MECHA_TRY(item.data, encryption.open(item.data));
  return {};
}

Error no_such_store(const RequestScope& scope, std::string_view name, bool query) {
  const auto& stores = scope.snapshot->state_stores;
  const auto* app_id = shown_app_id(scope, query);
  if (const auto* loaded = find(stores, name)) {
    // It is known but not ready: the error of an unknown store, with the reason in its details.
    const bool pending = loaded->state == ComponentState::pending;
    return errors::state_not_ready(name, app_id, pending ? "pending" : "failed", loaded->error.message);
  }
  for (const auto& [other, loaded] : stores) {
    if (loaded.instance) return errors::state_not_found(name, app_id);
  }
  return errors::state_not_configured(name, app_id);
}

}  // namespace

Result<Target> StateCapability::target(RequestScope& scope, std::string_view store, bool query) const {
  const auto* loaded = find(scope.snapshot->state_stores, store);
  if (loaded == nullptr || !loaded->instance) return fail(no_such_store(scope, store, query));
  return Target{.store = loaded->instance.get(), .spec = loaded->spec.get()};
}

Async<std::optional<Item>> StateCapability::get(RequestScope& scope, Target target, GetRequest request) {
  if (!legal_key(request.key)) co_return fail(illegal_key(scope, target, request.key));
  const auto prefix = prefix_of(scope, target);
  request.key.insert(0, prefix);
  const auto key = request.key;
  Count count(scope, target, "get");
  auto item = count.done(co_await outbound(scope, target, &StateStore::get, std::move(request)));
  if (!item) co_return fail(errors::state_get(original_key(key), target.spec->name, item.error()));
  MECHA_CO_TRY(const auto encryption, Encryption::of(*target.spec));
  if (encryption && *item) {
    const auto opened = open_item(*encryption, **item);
    if (!opened) co_return fail(errors::state_get(original_key(key), target.spec->name, opened.error()));
  }
  co_return item;
}

Async<void> StateCapability::remove(RequestScope& scope, Target target, DeleteRequest request) {
  if (!legal_key(request.key)) co_return fail(illegal_key(scope, target, request.key));
  const auto key = request.key;
  request.key.insert(0, prefix_of(scope, target));
  Count count(scope, target, "delete");
  auto done = count.done(co_await outbound(scope, target, &StateStore::remove, std::move(request)));
  if (!done) co_return fail(errors::state_delete(key, done.error()));
  co_return done;
}

Async<void> StateCapability::save(RequestScope& scope, Target target, std::vector<SetRequest> items) {
  for (const auto& item : items) {
    if (item.key.empty()) {
      co_return fail(scope.face == Face::http ? errors::state_key_required() : errors::state_key_empty());
    }
  }
  MECHA_CO_TRY_VOID(prefix_all(scope, target, items));
  if (items.empty()) co_return Result<void>{};
  if (auto sealed = seal_all(target, items); !sealed) {
    co_return fail(errors::state_save(target.spec->name, sealed.error()));
  }
  Count count(scope, target, "set");
  auto done = count.done(
      items.size() == 1
          ? co_await outbound(scope, target, &StateStore::set, std::move(items.front()))
          : co_await write_each(scope, target, &StateStore::bulk_set, std::move(items))
  );
  if (!done) co_return fail(errors::state_save(target.spec->name, done.error()));
  co_return done;
}

Async<void> StateCapability::bulk_delete(
    RequestScope& scope, Target target, std::vector<DeleteRequest> items
) {
  MECHA_CO_TRY_VOID(prefix_all(scope, target, items));
  if (items.empty()) co_return Result<void>{};
  Count count(scope, target, "bulk_delete");
  auto done = count.done(
      items.size() == 1
          ? co_await outbound(scope, target, &StateStore::remove, std::move(items.front()))
          : co_await write_each(scope, target, &StateStore::bulk_delete, std::move(items))
  );
  if (!done) co_return fail(errors::state_bulk_delete(target.spec->name, done.error()));
  co_return done;
}

Async<std::vector<BulkItem>> StateCapability::bulk_get(
    RequestScope& scope, Target target, std::vector<GetRequest> requests, int parallelism
) {
  if (requests.empty()) co_return std::vector<BulkItem>();
  MECHA_CO_TRY_VOID(prefix_all(scope, target, requests));
  Count count(scope, target, "bulk_get");
  auto items = count.done(
      co_await outbound(scope, target, &StateStore::bulk_get, std::move(requests), parallelism)
  );
  if (!items) co_return fail(errors::state_bulk_get(items.error()));
  MECHA_CO_TRY(const auto encryption, Encryption::of(*target.spec));
  for (auto& item : *items) {
    item.key = std::string(original_key(item.key));
    if (!encryption || !item.item) continue;
    if (auto opened = open_item(*encryption, *item.item); !opened) {
      item.item->data.clear();
      item.error = std::move(opened).error();
    }
  }
  co_return items;
}

Result<void> StateCapability::check_transactional(Target target) const {
  if (target.store->transactional()) return {};
  return fail(errors::state_not_transactional(target.spec->name));
}

Async<void> StateCapability::transact(RequestScope& scope, Target target, TransactRequest request) {
  const auto size = request.operations.size();
  if (size == 0) co_return Result<void>{};
  const auto prefix = prefix_of(scope, target);
  const bool http = scope.face == Face::http;
  for (auto& operation : request.operations) {
    auto& key = std::visit([](auto& r) -> std::string& { return r.key; }, operation);
    if (!legal_key(key)) {
      co_return fail(errors::state_illegal_key(key, target.spec->name, http ? "" : key, http));
    }
    key.insert(0, prefix);
  }
  if (const auto most = target.store->operations_max(); most > 0 && size > most) {
    co_return fail(errors::state_too_many_operations(target.spec->name, size, most));
  }
  if (auto sealed = seal_all(target, request.operations); !sealed) co_return fail(errors::state_transaction(sealed.error()));
  std::optional<CancelHook> whole;
  if (auto config = outbox_config(*target.spec)) {
    whole.emplace(scope, [] {});  // what tells of a commit is not sent without the commit
    auto published = co_await publish_internal(scope, *std::move(config), std::move(request.operations));
    if (!published) co_return fail(errors::state_outbox(scope.app.info.id, published.error().message));
    request.operations = *std::move(published);
    if (request.operations.empty()) co_return Result<void>{};
  }
  Count count(scope, target, "transaction");
  auto done = count.done(co_await outbound(scope, target, &StateStore::transact, std::move(request)));
  if (!done) co_return fail(errors::state_transaction(done.error()));
  co_return done;
}

Async<QueryResult> StateCapability::query(
    RequestScope& scope, Target target, std::string query, Metadata metadata
) {
  const auto& name = target.spec->name;
  if (!target.store->queries()) co_return fail(errors::state_not_queryable(name));
  MECHA_CO_TRY(const auto encryption, Encryption::of(*target.spec));
  if (encryption) co_return fail(errors::state_query(name, "cannot query encrypted store"));
  auto checked = parse_query(query);
  if (!checked) co_return fail(errors::state_query(name, checked.error().message));
  Count count(scope, target, "query");
  auto result = count.done(co_await outbound(
      scope,
      target,
      &StateStore::query,
      QueryRequest{.query = *std::move(checked), .metadata = std::move(metadata)}
  ));
  if (!result && errors::is_structured(result.error())) co_return fail(result.error());
  if (!result) co_return fail(errors::state_query(name, result.error().message));
  for (auto& item : result->results) item.key = std::string(original_key(item.key));
  co_return result;
}

}  // namespace mecha::state
