// Full keys of state stores: the prefix strategies of contract 02, section 1.3.

#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha::state {

inline constexpr std::string_view kSeparator = "||";

// What stands before each key of the store, separator included; empty for none.
std::string key_prefix(const ComponentSpec& store, std::string_view app_id, std::string_view name_space);

inline bool legal_key(std::string_view key) { return key.find(kSeparator) == std::string_view::npos; }

// The key as the caller wrote it.
std::string_view original_key(std::string_view full_key);

// What the runtime itself asks of a store's metadata; to be called when a store is initialised. Fails with the cause that
// the contract gives.
Result<void> check_store_spec(const ComponentSpec& store);

}  // namespace mecha::state
