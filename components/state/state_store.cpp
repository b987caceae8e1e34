#include "components/state/state_store.hpp"

#include "runtime/async/parallel.hpp"
#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

constexpr std::string_view kTtlName = "ttlInSeconds";
// The bound of default bulk operations: what a client asks for beyond it is done in its turn.
constexpr std::size_t kParallelMax = 100;

std::unexpected<Error> unsupported(std::string_view what) {
  return fail(Error{
      .code = Code::unimplemented,
      .message = std::string(what) + " is not supported by this state store",
      .failure = Failure::not_supported});
}

std::unexpected<Error> etag_failure(
    Failure failure, Code code, std::string_view text, std::string_view inner
) {
  std::string message(text);
  if (!inner.empty()) message.append(": ").append(inner);
  return fail(Error{.code = code, .message = std::move(message), .failure = failure});
}

struct Reads {
  StateStore& store;
  std::vector<GetRequest> requests;
  std::vector<BulkItem> items;

  asio::awaitable<void> one(std::size_t index) {
    auto& item = items[index];
    item.key = requests[index].key;
    auto result = co_await store.get(std::move(requests[index]));
    if (result) item.item = *std::move(result);
    else item.error = std::move(result).error();
  }
};

template <class R>
struct Writes {
  StateStore& store;
  std::vector<R> requests;
  std::vector<std::optional<Error>> errors;

  asio::awaitable<void> one(std::size_t index) {
    auto result = co_await run(std::move(requests[index]));
    if (!result) errors[index] = std::move(result).error();
  }
  Async<void> run(SetRequest request) { return store.set(std::move(request)); }
  Async<void> run(DeleteRequest request) { return store.remove(std::move(request)); }
};

template <class R>
Async<std::vector<KeyError>> write_all(StateStore& store, std::vector<R> requests) {
  const auto count = requests.size();
  Writes<R> writes{store, std::move(requests), std::vector<std::optional<Error>>(count)};
  co_await for_each_parallel(count, kParallelMax, [&writes](std::size_t i) { return writes.one(i); });
  std::vector<KeyError> failed;
  for (std::size_t i = 0; i < count; ++i) {
    if (writes.errors[i]) failed.push_back({i, *std::move(writes.errors[i])});
  }
  co_return failed;
}

}  // namespace

Async<std::vector<BulkItem>> StateStore::bulk_get(std::vector<GetRequest> requests, int parallelism) {
  const auto count = requests.size();
  const auto limit =
      parallelism > 0 ? std::min(static_cast<std::size_t>(parallelism), kParallelMax) : kParallelMax;
  Reads reads{*this, std::move(requests), std::vector<BulkItem>(count)};
  co_await for_each_parallel(count, limit, [&reads](std::size_t i) { return reads.one(i); });
  co_return std::move(reads.items);
}

Async<std::vector<KeyError>> StateStore::bulk_set(std::vector<SetRequest> requests) {
  return write_all(*this, std::move(requests));
}

Async<std::vector<KeyError>> StateStore::bulk_delete(std::vector<DeleteRequest> requests) {
  return write_all(*this, std::move(requests));
}

Async<void> StateStore::transact(TransactRequest) { co_return unsupported("a transaction"); }
Async<QueryResult> StateStore::query(QueryRequest) { co_return unsupported("a query"); }
Async<KeyPage> StateStore::keys_like(std::string, std::size_t, std::string) {
  co_return unsupported("listing of keys");
}
Async<std::int64_t> StateStore::delete_with_prefix(std::string) {
  co_return unsupported("deletion by prefix");
}

std::unexpected<Error> etag_mismatch(std::string_view inner) {
  return etag_failure(
      Failure::etag_mismatch, Code::aborted, "possible etag mismatch. error from state store", inner
  );
}

std::unexpected<Error> etag_invalid(std::string_view inner) {
  return etag_failure(Failure::etag_invalid, Code::invalid_argument, "invalid etag value", inner);
}

Result<void> check_options(const Options& options) {
  const auto& c = options.concurrency;
  if (!c.empty() && c != "first-write" && c != "last-write") {
    return fail(Code::invalid_argument, "unrecognized concurrency model '" + c + "'");
  }
  const auto& s = options.consistency;
  if (!s.empty() && s != "strong" && s != "eventual") {
    return fail(Code::invalid_argument, "unrecognized consistency model '" + s + "'");
  }
  return {};
}

Result<std::chrono::nanoseconds> cleanup_interval(std::string_view text) {
  if (text.empty()) return std::chrono::hours(1);
  const auto time = text::duration_or(text, std::chrono::seconds(1));
  if (!time) return fail(Code::invalid_argument, "invalid value for 'cleanupInterval': " + std::string(text));
  return *time;
}

Result<std::int64_t> parse_integer(std::string_view text, std::string_view function) {
  if (const auto number = text::to_int(text)) return *number;
  auto digits = text;
  if (!digits.empty() && (digits[0] == '+' || digits[0] == '-')) digits.remove_prefix(1);
  const bool numeric =
      !digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos;
  std::string message = "strconv.";
  message.append(function).append(": parsing ").append(text::quote(text)).append(": ");
  message.append(numeric ? "value out of range" : "invalid syntax");
  return fail(Code::invalid_argument, std::move(message));
}

Result<std::optional<std::int64_t>> ttl_seconds(const Metadata& metadata) {
  const auto it = metadata.find(kTtlName);
  if (it == metadata.end() || it->second.empty()) return std::nullopt;
  auto number = parse_integer(it->second, "ParseInt");
  if (!number) return fail(std::move(number).error().context("incorrect value for metadata 'ttlInSeconds'"));
  if (*number < -1 || *number > 2147483647) {
    return fail(
        Code::invalid_argument, "incorrect value for metadata 'ttlInSeconds': must be -1 or greater"
    );
  }
  return *number;
}

std::string to_bytes(Value value, json::Dialect dialect) {
  if (auto* bytes = std::get_if<std::string>(&value)) return std::move(*bytes);
  return json::write(std::get<json::Value>(value), dialect);
}

}  // namespace mecha::state
