// Errors of the state API (contract 01, sections 2.2 and 2.4; 02, section 1).

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "api/errors/common.hpp"

namespace mecha::errors {

// `app_id` is shown in the details; null: the details hold a JSON null (gRPC, and the query API on both faces).
Error state_not_configured(std::string_view store, const std::string* app_id);
Error state_not_found(std::string_view store, const std::string* app_id);
// state_not_found of a store that is known but not ready: why it is not stands in the details.
Error state_not_ready(
    std::string_view store, const std::string* app_id, std::string_view condition, std::string_view cause
);

// "input key/keyPrefix 'a||b' can't contain '||'". HTTP shows the nested form; `field` is empty in HTTP transactions.
Error state_illegal_key(std::string_view key, std::string_view store, std::string_view field, bool nested);
Error state_key_required();  // HTTP save
Error state_key_empty();     // gRPC save

// `cause` decides between conflict, malformed etag and failure; its text follows the contract's words.
Error state_save(std::string_view store, const Error& cause);
Error state_delete(std::string_view key, const Error& cause);
Error state_bulk_delete(std::string_view store, const Error& cause);
Error state_get(std::string_view key, std::string_view store, const Error& cause);
Error state_bulk_get(const Error& cause);
Error state_transaction(const Error& cause);
Error state_outbox(const std::string& app_id, const std::string& cause);  // ERR_PUBLISH_OUTBOX

Error state_not_transactional(std::string_view store);
Error state_operation_not_supported(std::string_view kind);
Error state_too_many_operations(std::string_view store, std::size_t count, std::size_t limit);
Error state_not_queryable(std::string_view store);
Error state_query(std::string_view store, std::string_view detail);

}  // namespace mecha::errors
