// Errors of the secrets API (contract 02, section 3.1). All plain: none carries details.

#pragma once

#include <string_view>

#include "runtime/base/error.hpp"

namespace mecha::errors {

Error secret_stores_not_configured();
Error secret_store_not_found(std::string_view store);
Error secret_denied(std::string_view key, std::string_view store);
Error secret_get(std::string_view key, std::string_view store, std::string_view cause);
Error secret_bulk_get(std::string_view store, std::string_view cause);

}  // namespace mecha::errors
