// The body of `invoke` and `publish`: given in the command, or read from a file or standard input.

#pragma once

#include <string>

#include "runtime/base/result.hpp"

namespace mecha::cli {

// `data` as it is, or the content of `file` ("-": standard input). Both at once is an error.
Result<std::string> read_body(const std::string& data, const std::string& file);

// "application/json" if it is JSON, else "text/plain".
std::string type_of_body(const std::string& body);

// Of a call that could not be made or was answered with `status`: what happened and what to do.
Error call_failed(const std::string& app_id, unsigned status, const std::string& answer, const Error* broken);

// Fails, with the remedy, when `folder` is given and has no socket of the application's sidecar.
Result<void> check_sockets(const std::string& folder, const std::string& app_id);

}  // namespace mecha::cli
