// What holds for changes of state on the wire and in the fake alike.

#include "src/changes.h"

#include <string>

namespace mecha::wire {
namespace {

using Kind = StateChange::Kind;

Error wrong(const StateChange& change, const std::string& what) {
  return fail(Code::invalid_argument, "the change of \"" + change.key + "\" " + what);
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// The last two are what PostgreSQL and Redis answer to a first write (contract 02, 1.10 and 2.2).
bool tells_conflict(const std::string& text) {
  return has(text, "possible etag mismatch") || has(text, "no item was updated") ||
         (has(text, "user_script") && (has(text, "failed to set key") || has(text, "failed to delete")));
}

}  // namespace

std::optional<Error> changes_problem(
    const std::vector<StateChange>& changes, std::optional<Kind> all
) {
  for (const auto& change : changes) {
    if (all && change.kind != *all)
      return wrong(change, *all == Kind::upsert ? "does not write" : "does not erase");
    if (change.options.ttl && change.options.ttl->count() <= 0)
      return wrong(change, "has a time to live that is not positive");
    if (change.kind == Kind::erase && wants_absent(change.options))
      return wrong(change, "erases what must be absent: its etag is empty");
  }
  return std::nullopt;
}

bool wants_absent(const WriteOptions& options) noexcept {
  return options.etag && options.etag->empty() && options.concurrency != Concurrency::last_write;
}

Concurrency concurrency_of(const WriteOptions& options) noexcept {
  return wants_absent(options) ? Concurrency::first_write : options.concurrency;
}

Result<void> Conflict::operator()(Result<void>&& from) const {
  if (!from && from.error().code == Code::internal && tells_conflict(from.error().message)) {
    auto error = std::move(from).error();
    error.code = Code::aborted;
    return error;
  }
  return std::move(from);
}

}  // namespace mecha::wire
