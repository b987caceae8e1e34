// State capability: the operations of the state API on the stores of a snapshot (contract 02, section 1). Keys arrive as
// the client wrote them and go to the store with the prefix; failures come back as the errors of the API.
//
// An operation is done in two steps, as the API does it: target() finds the store, before the body of a request is read,
// then the operation runs on it. Threads: from any shard.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "components/state/state_store.hpp"
#include "runtime/resources/specs.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::state {

// A store that a request addresses; valid as long as the scope's snapshot.
struct Target {
  StateStore* store = nullptr;
  const ComponentSpec* spec = nullptr;
};

class StateCapability {
 public:
  // `query`: the lookup errors of the query API differ in a detail.
  Result<Target> target(RequestScope& scope, std::string_view store, bool query = false) const;

  Async<std::optional<Item>> get(RequestScope& scope, Target target, GetRequest request);
  Async<void> remove(RequestScope& scope, Target target, DeleteRequest request);

  // All items are checked before anything is written. One is a single set; of more each stands by itself.
  Async<void> save(RequestScope& scope, Target target, std::vector<SetRequest> items);
  Async<void> bulk_delete(RequestScope& scope, Target target, std::vector<DeleteRequest> items);
  // Keys of the answer are without prefix, in the store's order.
  Async<std::vector<BulkItem>> bulk_get(
      RequestScope& scope, Target target, std::vector<GetRequest> requests, int parallelism
  );

  // Not transactional: the error of the contract, to be asked before the body is read.
  Result<void> check_transactional(Target target) const;
  Async<void> transact(RequestScope& scope, Target target, TransactRequest request);

  // `query` is the text of the body.
  Async<QueryResult> query(RequestScope& scope, Target target, std::string query, Metadata metadata);

};

}  // namespace mecha::state
