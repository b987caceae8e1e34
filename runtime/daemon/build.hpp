// What this build is.

#pragma once

#include <string_view>

namespace mecha {

// The version of the API that is spoken; SDKs and the command line tool compare it.
inline constexpr std::string_view kApiVersion = "1.18.3";
// Of Mecha itself.
extern const std::string_view kMechaVersion;
extern const std::string_view kCommit;

}  // namespace mecha
