// What a component's gRPC status means to the runtime (contract 06, section 8; 04b, pluggable components).

#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/net/grpc.hpp"

namespace mecha::pluggable {

// The failure with its text as the reference nests a status ("rpc error: code = Internal desc = ..."); the code stays. A
// status with the ErrorInfo of a structured API error becomes that error: text, code, tag and details are its own.
Error status_error(const net::grpc::Status& status);
// An error of transport in the same words.
Error transport_error(Error error);

// The description of a status whose only detail is a BadRequest with the one violation `etag`.
std::optional<std::string> etag_violation(const net::grpc::Status& status);
// expected and affected of a status whose only detail is an ErrorInfo that has both. A number that is none is a failure
// with the text of the reference; no such detail: empty.
Result<std::optional<std::pair<std::uint64_t, std::uint64_t>>> row_mismatch(const net::grpc::Status& status);

}  // namespace mecha::pluggable
