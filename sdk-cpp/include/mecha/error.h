// What can go wrong, as values: the canonical codes of gRPC, the text, and the machine-readable
// details of the sidecar.
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
#error "mecha needs GCC 13 or Clang 16, or later: GCC 12 breaks coroutines. On Debian 12: clang++-16"
#endif

#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace mecha {

/// Keys and values that go along with a call or come back with an answer.
using Metadata = std::map<std::string, std::string, std::less<>>;

/// The canonical codes; the numbers are those of gRPC.
enum class Code : int {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16,
};

/// The name of a code as gRPC writes it, such as `DEADLINE_EXCEEDED`. Never fails.
std::string_view to_string(Code code) noexcept;

/// A failure. A plain value: copy and keep it as long as you like, on any thread.
///
/// `code` and `message` are always there. The other members come from the details that the sidecar
/// attaches
/// (`google.rpc.ErrorInfo` and `ResourceInfo`) and are empty where it attached none, and for
/// failures that were found on this side: a deadline, a lost connection, a value that does not
/// decode.
struct Error {
  Code code = Code::unknown;  ///< What kind of failure.
  std::string message;  ///< For people.
  std::string reason;         ///< The error code of the API, such as `DAPR_STATE_NOT_CONFIGURED`.
  std::string domain;         ///< Who gave the reason, `dapr.io` for the sidecar.
  std::string resource_type;  ///< What kind of thing the failure is about, such as `state`.
  std::string resource_name;  ///< Which one, such as the name of the store.
  Metadata metadata;          ///< More fields of `ErrorInfo`.

  /// `CODE: message (reason)`, for logs.
  std::string to_string() const;
};

/// Makes an error that has no details.
inline Error fail(Code code, std::string message) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  return error;
}

}  // namespace mecha
