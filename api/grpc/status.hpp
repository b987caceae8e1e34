// Errors of the catalogue as gRPC statuses, details and all (contract 01, 2.1; 02, 0.2).

#pragma once

#include <string_view>

#include "runtime/net/grpc.hpp"

namespace mecha::api {

// Code, message, and for rich errors the serialised google.rpc.Status. An error that is plain on HTTP only carries one
// ErrorInfo whose reason is its code (contract 01, 2.3).
net::grpc::Status status_of(const Error& error);

// A status with one ErrorInfo, as the doors of the API give it: `http` and `text` stand in its metadata.
net::grpc::Status refused(Code code, std::string_view reason, unsigned http, std::string_view text);

// The serialised google.rpc.Status with details that are serialised google.protobuf.Any.
std::string rpc_status(Code code, std::string_view message, const std::vector<std::string>& details);

}  // namespace mecha::api
