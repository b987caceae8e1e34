// State: keys and values in a named store.
#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mecha/codec.h"
#include "mecha/mode.h"

namespace mecha {

/// What happens when two write one key. `unspecified` leaves it to the store: last write.
enum class Concurrency : int { unspecified = 0, first_write = 1, last_write = 2 };
/// What a read or write waits for. `unspecified` leaves it to the store: eventual.
enum class Consistency : int { unspecified = 0, eventual = 1, strong = 2 };

/// Settings of one write.
struct WriteOptions {
  /// Write only if the key still has this etag, which a read gave; otherwise the call fails with
  /// `aborted`. An empty one, which a read of an absent key gave, means: only if the key is still
  /// absent. It is sent as a first write without etag; Redis holds to that only among writers who
  /// all name an etag or `first_write`, and not in transactions. Not set: whatever is there.
  std::optional<std::string> etag = std::nullopt;
  /// `last_write` beside an empty etag writes whatever is there.
  Concurrency concurrency = Concurrency::unspecified;
  Consistency consistency = Consistency::unspecified;  ///< What the write waits for.
  /// The key goes away after this; sent as `ttlInSeconds`, rounded up to whole seconds. Refused with
  /// `invalid_argument` unless it is positive.
  std::optional<std::chrono::milliseconds> ttl = std::nullopt;
  Metadata metadata = {};  ///< Settings of this write.
};

/// Settings of one read.
struct ReadOptions {
  Consistency consistency = Consistency::unspecified;  ///< What the read waits for.
  Metadata metadata = {};  ///< Settings of this read.
};

/// One write as bytes. Made by `upsert` and `erase`.
struct StateChange {
  /// Whether the key is written or removed.
  enum class Kind { upsert, erase };
  Kind kind = Kind::upsert;  ///< Which of the two.
  std::string key;  ///< Which key.
  std::string value;  ///< Encoded; unused when erasing.
  WriteOptions options;  ///< Settings of this write.
  /// Set when the value did not encode; the call that gets this change fails with it and sends
  /// nothing.
  std::optional<Error> problem;
};

/// A change that writes. Made by `upsert`.
struct Upsert : StateChange {};
/// A change that removes. Made by `erase`.
struct Erasure : StateChange {};

/// A change that writes a value.
template <Encodable T>
Upsert upsert(std::string key, const T& value, WriteOptions options = {}) {
  auto bytes = detail::encode(value);
  Upsert change{{StateChange::Kind::upsert, std::move(key), {}, std::move(options), {}}};
  if (bytes) {
    change.value = std::move(*bytes);
  } else {
    change.problem = std::move(bytes).error();
  }
  return change;
}
template <detail::Text Text>
Upsert upsert(std::string key, const Text& value, WriteOptions options = {}) {
  return upsert(std::move(key), std::string(std::string_view(value)), std::move(options));
}

/// A change that removes a key.
inline Erasure erase(std::string key, WriteOptions options = {}) {
  return {{StateChange::Kind::erase, std::move(key), {}, std::move(options), {}}};
}

/// What a store holds for a key, as bytes. An absent key has no etag and no data.
struct StateValue {
  std::string data;  ///< As it was written.
  std::string etag;  ///< Changes with each write.
  Metadata metadata;  ///< What the store tells besides.
  /// False when the key is absent.
  bool exists() const noexcept { return !etag.empty() || !data.empty(); }
};

/// One line of an answer about many keys, as bytes.
struct StateItem {
  std::string key;  ///< Which key.
  StateValue value;  ///< What the store holds for it.
  std::string error;  ///< Why this key failed; empty when it did not.
};

/// An answer about many keys, as bytes.
struct StateItems {
  std::vector<StateItem> items;  ///< In the order of the sidecar.
  std::string token;  ///< Of a query: where its next page begins; empty at the end.
  Metadata metadata;  ///< What the store tells besides.
};

/// Which key is read.
struct GetStateRequest {
  std::string store;  ///< The name of the component.
  std::string key;  ///< Which key.
  ReadOptions options = {};  ///< Settings of this read.
};
/// Which keys are read.
struct GetBulkStateRequest {
  std::string store;  ///< The name of the component.
  std::vector<std::string> keys;  ///< Which keys.
  std::int32_t parallelism = 0;  ///< How many keys are read at a time; 0: the sidecar's default.
  Metadata metadata = {};  ///< Settings of this read.
};
/// What is written.
struct ChangeStateRequest {
  std::string store;  ///< The name of the component.
  std::vector<StateChange> changes;  ///< In their order.
  Metadata metadata = {};  ///< Of a transaction.
};
/// What is asked for.
struct QueryStateRequest {
  std::string store;  ///< The name of the component.
  std::string query;  ///< JSON.
  Metadata metadata = {};  ///< Settings of this query.
};

/// The calls as bytes: what the client does over the wire and what a fake or a decorator overrides.
/// Calls come from any thread, and end where the task is awaited.
/// Overrides are called on any thread, several at a time; arguments are theirs. What is not
/// overridden is unimplemented.
class StateApi {
 public:
  virtual ~StateApi() = default;
  /// One key; an absent one is no error.
  virtual Task<Result<StateValue>> get_state(GetStateRequest request, CallOptions options);
  /// Many keys.
  virtual Task<Result<StateItems>> get_bulk_state(GetBulkStateRequest request, CallOptions options);
  /// All changes are upserts; any other is `invalid_argument`.
  virtual Task<Result<void>> save_state(ChangeStateRequest request, CallOptions options);
  /// One change, an erasure; anything else is `invalid_argument`.
  virtual Task<Result<void>> delete_state(ChangeStateRequest request, CallOptions options);
  /// All changes are erasures; any other is `invalid_argument`.
  virtual Task<Result<void>> delete_bulk_state(ChangeStateRequest request, CallOptions options);
  /// All of the changes or none.
  virtual Task<Result<void>> transact_state(ChangeStateRequest request, CallOptions options);
  /// What a query finds.
  virtual Task<Result<StateItems>> query_state(QueryStateRequest request, CallOptions options);
};

/// A typed value with its etag, for `WriteOptions::etag` of a later write. When the key is absent,
/// `value` and `etag` are empty, and a write with that etag fails if somebody wrote meanwhile.
template <class T>
struct Versioned {
  std::optional<T> value;  ///< Empty when the key is absent.
  std::string etag;  ///< Empty when the key is absent.
  Metadata metadata;  ///< What the store tells besides.
};

/// One key of a bulk read or a query. `value` is empty when the key is absent or `error` says why
/// it failed.
template <class T>
struct Keyed {
  std::string key;  ///< Which key.
  std::optional<T> value;  ///< Empty when it is absent or failed.
  std::string etag;  ///< For a later write.
  std::optional<Error> error;  ///< Why it failed.
};

/// One page of what a query found.
template <class T>
struct QueryPage {
  std::vector<Keyed<T>> items;  ///< In the order of the query.
  std::string token;  ///< Where the next page begins; empty at the end.
  Metadata metadata;  ///< What the store tells besides.
};

namespace detail {

template <class T>
struct DecodeVersioned {
  Result<Versioned<T>> operator()(Result<StateValue>&& from) const {
    if (!from) return std::move(from).error();
    Versioned<T> to;
    if (from->exists()) {
      auto value = decode<T>(std::move(from->data));
      if (!value.has_value()) return std::move(value).error();
      to.value = std::move(*value);
    }
    to.etag = std::move(from->etag);
    to.metadata = std::move(from->metadata);
    return to;
  }
};

template <class T>
struct DecodeValue {
  Result<std::optional<T>> operator()(Result<StateValue>&& from) const {
    if (!from) return std::move(from).error();
    if (!from->exists()) return std::optional<T>();
    auto value = decode<T>(std::move(from->data));
    if (!value.has_value()) return std::move(value).error();
    return std::optional<T>(std::move(*value));
  }
};

template <class T>
struct DecodePage {
  Result<QueryPage<T>> operator()(Result<StateItems>&& from) const {
    if (!from) return std::move(from).error();
    QueryPage<T> page;
    page.items.reserve(from->items.size());
    for (auto& item : from->items) {
      Keyed<T> keyed{std::move(item.key), {}, std::move(item.value.etag), {}};
      if (!item.error.empty()) {
        keyed.error = fail(Code::unknown, std::move(item.error));
      } else if (!keyed.etag.empty() || !item.value.data.empty()) {
        auto value = decode<T>(std::move(item.value.data));
        if (value.has_value()) keyed.value = std::move(*value);
        if (!value.has_value()) keyed.error = std::move(value).error();
      }
      page.items.push_back(std::move(keyed));
    }
    page.token = std::move(from->token);
    page.metadata = std::move(from->metadata);
    return page;
  }
};

template <class T>
struct DecodeItems {
  Result<std::vector<Keyed<T>>> operator()(Result<StateItems>&& from) const {
    auto page = DecodePage<T>{}(std::move(from));
    if (!page) return std::move(page).error();
    return std::move(page->items);
  }
};

/// The first change that did not encode, if any.
inline const Error* problem_of(const std::vector<StateChange>& changes) noexcept {
  for (const auto& change : changes) {
    if (change.problem) return &*change.problem;
  }
  return nullptr;
}

}  // namespace detail

/// A store by name. A cheap value: copy it, keep it, use it from many threads at once.
/// Errors of every call: those of the sidecar, `deadline_exceeded`, `cancelled`, `unavailable`, and
/// `data_loss` for a value that does not decode as T.
template <class Mode>
class BasicStateStore {
 public:
  /// Over any implementation of the calls.
  BasicStateStore(std::shared_ptr<StateApi> api, std::string name)
      : api_(std::move(api)), name_(std::move(name)) {}

  /// Of the component.
  const std::string& name() const noexcept { return name_; }

  /// The value of a key, empty when there is none.
  template <Encodable T>
  auto get(std::string key, ReadOptions read = {}, CallOptions options = {}) const ->
      typename Mode::template Return<std::optional<T>> {
    return Mode::run(detail::TaskAccess::map<detail::DecodeValue<T>>(
        api_->get_state({name_, std::move(key), std::move(read)}, std::move(options))
    ));
  }

  /// The value with its etag, for a later conditional write.
  template <Encodable T>
  auto get_versioned(std::string key, ReadOptions read = {}, CallOptions options = {}) const ->
      typename Mode::template Return<Versioned<T>> {
    return Mode::run(detail::TaskAccess::map<detail::DecodeVersioned<T>>(
        api_->get_state({name_, std::move(key), std::move(read)}, std::move(options))
    ));
  }

  /// Many keys; a failure of one is in its line. The order is the sidecar's.
  template <Encodable T>
  auto get_bulk(
      std::vector<std::string> keys,
      std::int32_t parallelism = 0,
      Metadata metadata = {},
      CallOptions options = {}
  ) const -> typename Mode::template Return<std::vector<Keyed<T>>> {
    return Mode::run(detail::TaskAccess::map<detail::DecodeItems<T>>(api_->get_bulk_state(
        {name_, std::move(keys), parallelism, std::move(metadata)}, std::move(options)
    )));
  }

  /// Writes one key. With `write.etag`, only over that version, or only where there is none.
  template <Encodable T>
  auto save(std::string key, const T& value, WriteOptions write = {}, CallOptions options = {})
      const -> typename Mode::template Return<void> {
    std::vector<Upsert> changes;
    changes.push_back(upsert(std::move(key), value, std::move(write)));
    return save_bulk(std::move(changes), std::move(options));
  }
  /// Writes a text.
  template <detail::Text Text>
  auto save(std::string key, const Text& value, WriteOptions write = {}, CallOptions options = {})
      const {
    return save(
        std::move(key), std::string(std::string_view(value)), std::move(write), std::move(options)
    );
  }

  /// Writes many keys, not as a transaction. The changes are made by `upsert`.
  auto save_bulk(std::vector<Upsert> changes, CallOptions options = {}) const ->
      typename Mode::template Return<void> {
    return change(&StateApi::save_state, all_of(std::move(changes)), {}, std::move(options));
  }

  /// Removes a key; that it is absent is no error.
  auto remove(std::string key, WriteOptions write = {}, CallOptions options = {}) const ->
      typename Mode::template Return<void> {
    std::vector<StateChange> changes;
    changes.push_back(erase(std::move(key), std::move(write)));
    return change(&StateApi::delete_state, std::move(changes), {}, std::move(options));
  }

  /// Removes many keys. The changes are made by `erase`.
  auto remove_bulk(std::vector<Erasure> changes, CallOptions options = {}) const ->
      typename Mode::template Return<void> {
    return change(&StateApi::delete_bulk_state, all_of(std::move(changes)), {}, std::move(options));
  }

  /// All of the changes or none of them, in the order given. An etag that does not fit fails with
  /// `aborted`.
  auto transact(std::vector<StateChange> changes, Metadata metadata = {}, CallOptions options = {})
      const -> typename Mode::template Return<void> {
    return change(
        &StateApi::transact_state, std::move(changes), std::move(metadata), std::move(options)
    );
  }

  /// A query in the JSON language of the API. For the next page, ask again with `page.token` of the
  /// answer.
  template <Encodable T>
  auto query(std::string json, Metadata metadata = {}, CallOptions options = {}) const ->
      typename Mode::template Return<QueryPage<T>> {
    return Mode::run(detail::TaskAccess::map<detail::DecodePage<T>>(
        api_->query_state({name_, std::move(json), std::move(metadata)}, std::move(options))
    ));
  }

 private:
  using Call = Task<Result<void>> (StateApi::*)(ChangeStateRequest, CallOptions);

  template <class Change>
  static std::vector<StateChange> all_of(std::vector<Change> changes) {
    return {std::make_move_iterator(changes.begin()), std::make_move_iterator(changes.end())};
  }

  auto change(Call call, std::vector<StateChange> changes, Metadata metadata, CallOptions options)
      const -> typename Mode::template Return<void> {
    if (const Error* problem = detail::problem_of(changes))
      return Mode::run(ready(Result<void>(*problem)));
    return Mode::run(
        (api_.get()->*call)({name_, std::move(changes), std::move(metadata)}, std::move(options))
    );
  }

  std::shared_ptr<StateApi> api_;
  std::string name_;
};

using StateStore = BasicStateStore<Async>;

}  // namespace mecha
