// Errors of the cryptography API (contract 02, section 6). All plain: none carries details.

#pragma once

#include <string_view>

#include "runtime/base/error.hpp"

namespace mecha::errors {

Error crypto_not_configured();
Error crypto_component_missing();
Error crypto_provider_not_found(std::string_view name);
Error crypto_header_missing(std::string_view name);    // HTTP
Error crypto_property_missing(std::string_view name);  // gRPC
Error crypto(std::string_view cause);                  // "failed to perform operation: ..."
Error crypto_key(std::string_view name, std::string_view cause);
// A failure in the middle of a document, as HTTP shows it: the code ERROR, the text alone.
Error crypto_stream(std::string_view cause);

}  // namespace mecha::errors
