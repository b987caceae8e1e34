// Answers that are packed by gzip when the client would rather have them so.

#pragma once

#include <string>
#include <string_view>

#include "runtime/net/headers.hpp"

namespace mecha::net {

// Whether `Accept-Encoding` weighs gzip above what is not packed; of equal weights the latter wins, as Prometheus' handler has it.
bool prefers_gzip(const Headers& headers);

// One member with zlib's usual effort. Blocks for the time that it takes: for texts of some megabytes at most.
std::string gzip(std::string_view bytes);

}  // namespace mecha::net
