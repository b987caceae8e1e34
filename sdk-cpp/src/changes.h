// What holds for changes of state on the wire and in the fake alike.
#pragma once

#include <optional>
#include <vector>

#include "mecha/state.h"

namespace mecha::wire {

/// What of these changes cannot be meant: a change of the other kind than `all`, a time to live that
/// is not positive, an erasure of what must be absent.
std::optional<Error> changes_problem(
    const std::vector<StateChange>& changes, std::optional<StateChange::Kind> all = std::nullopt
);

/// True for a write that wants its key to be absent, see WriteOptions::etag.
bool wants_absent(const WriteOptions& options) noexcept;

/// How it goes to the store.
Concurrency concurrency_of(const WriteOptions& options) noexcept;

/// Not every store and not every call of the API has a code of its own for "somebody was faster";
/// this one has: `aborted`.
struct Conflict {
  Result<void> operator()(Result<void>&& from) const;
};

}  // namespace mecha::wire
