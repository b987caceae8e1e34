// Bodies of the state API over HTTP: leniently read as the contract has it (02, section 0.1), written byte for byte.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "components/state/state_store.hpp"

namespace mecha::api {

// The failures hold the parser's text alone; what stands before it depends on the operation.
Result<std::vector<state::SetRequest>> read_save(std::string_view body);

struct BulkGetBody {
  std::vector<std::string> keys;
  int parallelism = 0;
  Metadata metadata;
};
Result<BulkGetBody> read_bulk_get(std::string_view body);

// Fails either with the parser's text, or, with a tag, as the error of the API (operation not supported).
Result<state::TransactRequest> read_transaction(std::string_view body);

// The array, padded with empty keys up to `count`, and a newline.
std::string write_bulk_get(const std::vector<state::BulkItem>& items, std::size_t count);
std::string write_query(const state::QueryResult& result);

}  // namespace mecha::api
