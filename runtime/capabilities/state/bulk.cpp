// How the failures of a bulk write become the one failure that the API shows.

#include <algorithm>

#include "runtime/capabilities/state/outbound.hpp"

namespace mecha::state {
namespace {

bool is_etag(const KeyError& failure) {
  return is_etag_failure(failure.error);
}

std::string joined(const std::vector<KeyError>& failures) {
  std::string text;
  for (const auto& failure : failures) {
    if (!text.empty()) text += '\n';
    text += failure.error.message;
  }
  return text;
}

}  // namespace

Result<void> join_failures(std::vector<KeyError> failures, Face face) {
  if (failures.empty()) return {};
  const auto first = std::ranges::find_if(failures, is_etag);
  if (first == failures.end()) {
    auto error = failures.front().error;
    error.message = joined(failures);
    return fail(std::move(error));
  }
  if (std::ranges::all_of(failures, is_etag)) {
    const bool invalid = std::ranges::any_of(failures, [](const KeyError& failure) {
      return failure.error.failure == Failure::etag_invalid;
    });
    const auto text = joined(failures);
    return invalid ? etag_invalid(text) : etag_mismatch(text);
  }
  // Mixed: the status follows the first etag failure; HTTP shows its text alone, gRPC all of them.
  auto error = first->error;
  if (face != Face::http) error.message = joined(failures);
  return fail(std::move(error));
}

}  // namespace mecha::state
