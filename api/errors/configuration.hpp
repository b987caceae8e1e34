// Errors of the configuration API (contract 02, section 4.1). Plain over HTTP; the gRPC face adds an ErrorInfo with the tag.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/error.hpp"

namespace mecha::errors {

Error configuration_not_configured();
Error configuration_store_not_found(std::string_view store);
Error configuration_get(const std::vector<std::string>& keys, std::string_view store, std::string_view cause);
Error configuration_without_app();
Error configuration_subscribe(const std::vector<std::string>& keys, std::string_view store, std::string_view cause);
// Has no wire code: "failed to unsubscribe to configuration request <id>: <cause>".
Error configuration_unsubscribe(std::string_view id, std::string_view cause);

}  // namespace mecha::errors
