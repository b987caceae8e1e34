// State in memory, with the etags, the expiry and the errors of a sidecar's store in memory.

#include <algorithm>
#include <charconv>
#include <ctime>

#include "src/changes.h"
#include "testing/fake_api.h"

namespace mecha::testing::detail {
namespace {

Result<void> check_store(const Hub& hub, const std::string& store) {
  switch (hub.known("state", store)) {
    case Hub::Known::yes: return {};
    case Hub::Known::no:
      return detailed(
          Code::invalid_argument,
          "state store " + store + " is not found",
          {"DAPR_STATE_NOT_FOUND"}
      );
    case Hub::Known::none: break;
  }
  return detailed(
      Code::failed_precondition,
      "state store " + store + " is not configured",
      {"DAPR_STATE_NOT_CONFIGURED"}
  );
}

Result<void> check_key(const std::string& store, const std::string& key) {
  if (key.find("||") == std::string::npos) return {};
  return detailed(
      Code::invalid_argument,
      "input key/keyPrefix '" + key + "' can't contain '||'",
      {"DAPR_STATE_ILLEGAL_KEY", "state", store}
  );
}

template <class Range, class Key>
Result<void> check_keys(const std::string& store, const Range& range, Key key) {
  for (const auto& item : range) {
    if (auto legal = check_key(store, key(item)); !legal) return legal;
  }
  return {};
}

std::string text_of(Time time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts));
}

const StateEntry* find(const Hub& hub, const std::string& store, const std::string& key) {
  const auto entries = hub.states.find(store);
  if (entries == hub.states.end()) return nullptr;
  const auto entry = entries->second.find(key);
  return entry != entries->second.end() && entry->second.expires > hub.now ? &entry->second
                                                                           : nullptr;
}

StateValue value_of(const StateEntry* entry) {
  if (entry == nullptr) return {};
  StateValue value{entry->data, entry->etag, {}};
  if (entry->expires != Time::max()) value.metadata["ttlExpireTime"] = text_of(entry->expires);
  return value;
}

Result<Time> expiry_of(const Hub& hub, const WriteOptions& options) {
  if (options.ttl) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(*options.ttl);
    return seconds.count() <= 0 ? Time::max() : hub.now + seconds;
  }
  const auto found = options.metadata.find("ttlInSeconds");
  if (found == options.metadata.end() || found->second.empty()) return Time::max();
  const auto& text = found->second;
  std::int64_t seconds = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return mecha::fail(
        Code::invalid_argument,
        "strconv.Atoi: parsing \"" + text + "\": invalid syntax"
    );
  }
  constexpr std::int64_t longest = 3'000'000'000;
  return seconds <= 0 ? Time::max() : hub.now + std::chrono::seconds(std::min(seconds, longest));
}

Error mismatch(const std::string& inner) {
  return mecha::fail(
      Code::aborted, "possible etag mismatch. error from state store: " + inner
  );
}

Result<void> check_etag(const Hub& hub, const std::string& store, const StateChange& change) {
  const auto* entry = find(hub, store, change.key);
  const auto etag = change.options.etag.value_or("");
  const auto full = hub.options.app_id + "||" + change.key;
  if (etag.empty()) {
    if (entry != nullptr && wire::concurrency_of(change.options) == Concurrency::first_write) {
      return mismatch("item already exists and no etag was passed");
    }
    return {};
  }
  if (entry == nullptr) return mismatch("state not exist or expired for key=" + full);
  if (entry->etag == etag) return {};
  return mismatch(
      "state etag not match for key=" + full + ": current=" + entry->etag + ", expect=" + etag
  );
}

Result<void> check(const Hub& hub, const std::string& store, const StateChange& change) {
  if (auto expires = expiry_of(hub, change.options); !expires) return std::move(expires).error();
  return check_etag(hub, store, change);
}

void apply(Hub& hub, const std::string& store, StateChange&& change) {
  auto& entries = hub.states[store];
  if (change.kind == StateChange::Kind::erase) {
    entries.erase(change.key);
    return;
  }
  const auto expires = expiry_of(hub, change.options).value_or(Time::max());
  entries.insert_or_assign(
      std::move(change.key), StateEntry{std::move(change.value), hub.next_id(), expires}
  );
}

// Each by itself; the failures, in the order of the changes, as the one that the caller sees.
Result<void> apply_each(Hub& hub, const std::string& store, std::vector<StateChange> changes) {
  std::vector<Error> failures;
  const auto count = changes.size();
  for (auto& change : changes) {
    if (auto checked = check(hub, store, change); !checked) {
      failures.push_back(std::move(checked).error());
    } else {
      apply(hub, store, std::move(change));
    }
  }
  if (failures.empty()) return {};
  if (count == 1) return failures.front();
  std::string joined;
  for (const auto& failure : failures) joined += (joined.empty() ? "" : "\n") + failure.message;
  const auto is_etag = [](const Error& error) { return error.code == Code::aborted; };
  if (std::all_of(failures.begin(), failures.end(), is_etag)) return mismatch(joined);
  const auto first = std::find_if(failures.begin(), failures.end(), is_etag);
  return mecha::fail(first != failures.end() ? Code::aborted : Code::internal, joined);
}

// What a failure of the store is called towards the application.
Result<void> named(Result<void> done, const std::string& what, const char* reason) {
  if (done) return done;
  const auto code = done.error().code == Code::aborted ? Code::aborted : Code::internal;
  return detailed(code, what + ": " + done.error().message, {reason});
}

std::vector<std::string> keys_of(const std::vector<StateChange>& changes) {
  std::vector<std::string> keys;
  for (const auto& change : changes) keys.push_back(change.key);
  return keys;
}

const auto key_of = [](const StateChange& change) -> const std::string& { return change.key; };
const auto itself = [](const std::string& key) -> const std::string& { return key; };

}  // namespace

Task<Result<StateValue>> FakeApi::get_state(GetStateRequest request, CallOptions options) {
  Site site{Call::get_state, request.store, {request.key}};
  return run<StateValue>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) -> Result<StateValue> {
        const std::lock_guard lock(hub.mutex);
        if (auto there = check_store(hub, request.store); !there) return std::move(there).error();
        if (auto legal = check_key(request.store, request.key); !legal)
          return std::move(legal).error();
        return value_of(find(hub, request.store, request.key));
      }
  );
}

Task<Result<StateItems>> FakeApi::get_bulk_state(GetBulkStateRequest request, CallOptions options) {
  Site site{Call::get_bulk_state, request.store, request.keys};
  return run<StateItems>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) -> Result<StateItems> {
        const std::lock_guard lock(hub.mutex);
        if (auto there = check_store(hub, request.store); !there) return std::move(there).error();
        if (auto legal = check_keys(request.store, request.keys, itself); !legal)
          return std::move(legal).error();
        StateItems to;
        for (const auto& key : request.keys)
          to.items.push_back({key, value_of(find(hub, request.store, key)), {}});
        return to;
      }
  );
}

Task<Result<void>> FakeApi::save_state(ChangeStateRequest request, CallOptions options) {
  if (auto bad = wire::changes_problem(request.changes, StateChange::Kind::upsert))
    return ready(Result<void>(std::move(*bad)));
  Site site{Call::save_state, request.store, keys_of(request.changes)};
  return run<void>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<void> {
        const std::lock_guard lock(hub.mutex);
        if (auto there = check_store(hub, request.store); !there) return there;
        for (const auto& change : request.changes) {
          if (change.key.empty()) {
            return detailed(
                Code::invalid_argument, "state key cannot be empty", {"ERR_STATE_SAVE"}
            );
          }
        }
        if (auto legal = check_keys(request.store, request.changes, key_of); !legal) return legal;
        return named(
            apply_each(hub, request.store, std::move(request.changes)),
            "failed saving state in state store " + request.store,
            "ERR_STATE_SAVE"
        );
      }
  );
}

Task<Result<void>> FakeApi::delete_state(ChangeStateRequest request, CallOptions options) {
  if (request.changes.size() != 1)
    return ready(Result<void>(mecha::fail(Code::invalid_argument, "delete_state takes one change")));
  if (auto bad = wire::changes_problem(request.changes, StateChange::Kind::erase))
    return ready(Result<void>(std::move(*bad)));
  Site site{Call::delete_state, request.store, keys_of(request.changes)};
  return run<void>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<void> {
        const std::lock_guard lock(hub.mutex);
        if (auto there = check_store(hub, request.store); !there) return there;
        if (auto legal = check_keys(request.store, request.changes, key_of); !legal) return legal;
        const auto key = request.changes.front().key;
        return named(
            apply_each(hub, request.store, std::move(request.changes)),
            "failed deleting state with key " + key,
            "ERR_STATE_DELETE"
        );
      }
  );
}

Task<Result<void>> FakeApi::delete_bulk_state(ChangeStateRequest request, CallOptions options) {
  if (auto bad = wire::changes_problem(request.changes, StateChange::Kind::erase))
    return ready(Result<void>(std::move(*bad)));
  Site site{Call::delete_bulk_state, request.store, keys_of(request.changes)};
  return run<void>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<void> {
        const std::lock_guard lock(hub.mutex);
        if (auto there = check_store(hub, request.store); !there) return there;
        if (auto legal = check_keys(request.store, request.changes, key_of); !legal) return legal;
        return named(
            apply_each(hub, request.store, std::move(request.changes)),
            "failed deleting state in state store " + request.store,
            "ERR_STATE_BULK_DELETE"
        );
      }
  );
}

// All etags are checked against the state before the transaction.
Task<Result<void>> FakeApi::transact_state(ChangeStateRequest request, CallOptions options) {
  if (auto bad = wire::changes_problem(request.changes)) return ready(Result<void>(std::move(*bad)));
  Site site{Call::transact_state, request.store, keys_of(request.changes)};
  return run<void>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) mutable -> Result<void> {
        const std::lock_guard lock(hub.mutex);
        if (auto there = check_store(hub, request.store); !there) return there;
        if (auto legal = check_keys(request.store, request.changes, key_of); !legal) return legal;
        for (const auto& change : request.changes) {
          auto checked = check(hub, request.store, change);
          if (checked) continue;
          return wire::Conflict{}(detailed(
              Code::internal,
              "error while executing state transaction: " + checked.error().message,
              {"ERR_STATE_TRANSACTION"}
          ));
        }
        for (auto& change : request.changes) apply(hub, request.store, std::move(change));
        return {};
      }
  );
}

Task<Result<StateItems>> FakeApi::query_state(QueryStateRequest request, CallOptions options) {
  Site site{Call::query_state, request.store, {}};
  return run<StateItems>(
      hub_,
      std::move(site),
      std::move(options),
      [request = std::move(request)](Hub& hub) -> Result<StateItems> {
        QueryHandler answer;
        {
          const std::lock_guard lock(hub.mutex);
          if (auto there = check_store(hub, request.store); !there)
            return std::move(there).error();
          if (const auto found = hub.queries.find(request.store); found != hub.queries.end())
            answer = found->second;
        }
        if (answer) return answer(request);
        return detailed(
            Code::internal,
            "state store does not support querying",
            {"DAPR_STATE_QUERYING_NOT_SUPPORTED", "state", request.store}
        );
      }
  );
}

}  // namespace mecha::testing::detail
