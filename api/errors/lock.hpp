// Errors of the lock API (contract 02, section 5.1). All plain: none carries details.

#pragma once

#include <string_view>

#include "runtime/base/error.hpp"

namespace mecha::errors {

Error lock_not_configured();
Error lock_store_not_found(std::string_view store);
Error lock_expiry_not_positive(std::string_view store);
Error lock_resource_empty(std::string_view store);
Error lock_owner_empty(std::string_view store);
Error try_lock_failed(std::string_view cause);
Error unlock_failed(std::string_view cause);

}  // namespace mecha::errors
