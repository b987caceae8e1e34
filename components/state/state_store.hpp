// Contract of state stores (contract 02, sections 1 and 2). A store keeps bytes under full keys: prefixes, encryption,
// outbox and the words of the API belong to runtime/capabilities/state.
//
// Absence is a value: a key that is missing or expired is an empty optional. Etags: an empty etag counts as none for every
// store. The options of a request are passed on as the client wrote them; the store checks them where the contract says so.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "components/component.hpp"
#include "runtime/base/json.hpp"

namespace mecha::state {

// Names of features as the metadata API shows them.
inline constexpr std::string_view kEtag = "ETAG";
inline constexpr std::string_view kTransactional = "TRANSACTIONAL";
inline constexpr std::string_view kTtl = "TTL";
inline constexpr std::string_view kQueryApi = "QUERY_API";
inline constexpr std::string_view kDeleteWithPrefix = "DELETE_WITH_PREFIX";
inline constexpr std::string_view kKeysLike = "KEYS_LIKE";

// A JSON document, which each store writes in its own dialect, or bytes, which are kept as they are.
using Value = std::variant<json::Value, std::string>;

struct Options {
  std::string concurrency;  // "", first-write, last-write
  std::string consistency;  // "", eventual, strong
};

struct GetRequest {
  std::string key;
  std::string consistency;
  Metadata metadata;
};

struct Item {
  std::string data;
  std::optional<std::string> etag;
  Metadata metadata;     // ttlExpireTime
  bool no_data = false;  // the store holds no value at all, which a face may tell from an empty one
};

// What bulk_get says of one key: an item, nothing (missing), or why it could not be read.
struct BulkItem {
  std::string key;
  std::optional<Item> item;
  std::optional<Error> error;
};

struct SetRequest {
  std::string key;
  Value value;
  std::string etag;
  Metadata metadata;
  Options options;
  std::string content_type = {};  // of the value, for who publishes it; stores go by the metadata
};

struct DeleteRequest {
  std::string key;
  std::string etag;
  Metadata metadata;
  Options options;
};

using Operation = std::variant<SetRequest, DeleteRequest>;

struct TransactRequest {
  std::vector<Operation> operations;
  Metadata metadata;  // of the whole; never copied into operations
};

struct KeyError {
  std::size_t index = 0;  // in the request
  Error error;
};

// `text` is the JSON of the query (contract 02, 1.12) once its form was checked.
struct QueryRequest {
  json::Value query;
  Metadata metadata;
};

struct QueryItem {
  std::string key;
  std::string data;
  std::optional<std::string> etag;
  std::string error;
};

struct QueryResult {
  std::vector<QueryItem> results;
  std::string token;
  Metadata metadata;
};

struct KeyPage {
  std::vector<std::string> keys;
  std::string token;  // empty after the last page
};

class StateStore : public Component {
 public:
  virtual Async<std::optional<Item>> get(GetRequest request) = 0;
  virtual Async<void> set(SetRequest request) = 0;
  virtual Async<void> remove(DeleteRequest request) = 0;

  // Answers for every key, in the order that the contract gives for the store. `parallelism` <= 0: no limit asked for.
  virtual Async<std::vector<BulkItem>> bulk_get(std::vector<GetRequest> requests, int parallelism);
  // Each item by itself, nothing is undone; answers with those that failed.
  virtual Async<std::vector<KeyError>> bulk_set(std::vector<SetRequest> requests);
  virtual Async<std::vector<KeyError>> bulk_delete(std::vector<DeleteRequest> requests);

  virtual bool transactional() const { return false; }
  virtual std::size_t operations_max() const { return 0; }  // of one transaction; 0: no limit
  virtual Async<void> transact(TransactRequest request);

  virtual bool queries() const { return false; }
  virtual Async<QueryResult> query(QueryRequest request);

  // For actors and workflows. `pattern` is a SQL LIKE over full keys with \ as escape.
  virtual Async<KeyPage> keys_like(std::string pattern, std::size_t page_size, std::string token);
  virtual Async<std::int64_t> delete_with_prefix(std::string prefix);
};

// The two failures that the API tells from others, with the words of the contract; `inner` may be empty.
std::unexpected<Error> etag_mismatch(std::string_view inner = {});
std::unexpected<Error> etag_invalid(std::string_view inner = {});

// "unrecognized concurrency model 'x'"; for the stores that check.
Result<void> check_options(const Options& options);
inline bool first_write(const Options& options) { return options.concurrency == "first-write"; }

// `ttlInSeconds` by the parser that most stores share: -1 to 2147483647, empty if not stated.
Result<std::optional<std::int64_t>> ttl_seconds(const Metadata& metadata);
// The setting `cleanupInterval` of SQL stores: a duration or seconds; empty is 1h, 0 or less is never.
Result<std::chrono::nanoseconds> cleanup_interval(std::string_view text);
// strconv.Atoi with its error text: strconv.Atoi: parsing "x": invalid syntax.
Result<std::int64_t> parse_integer(std::string_view text, std::string_view function = "Atoi");

// The bytes that a store keeps for a value.
std::string to_bytes(Value value, json::Dialect dialect = json::Dialect::standard);

}  // namespace mecha::state
