// Queries of the state API in the language of the search module. Internal to redis.cpp.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "components/redis/reply.hpp"
#include "components/state/redis_settings.hpp"
#include "components/state/state_store.hpp"

namespace mecha::state {

// The setting queryIndexes; "" is no index.
Result<std::vector<QueryIndex>> parse_query_indexes(std::string_view text);
redis::Command create_index(const QueryIndex& index);

struct Search {
  redis::Command command;
  std::size_t offset = 0;
  bool limited = false;
};
// The query's form has been checked; what the indexes cannot answer fails here.
Result<Search> make_search(
    const std::vector<QueryIndex>& indexes, const json::Value& query, const Metadata& metadata
);
Result<QueryResult> read_search(redis::Reply reply, const Search& search);

// The pattern of SCAN that matches at least what a LIKE does.
std::string to_glob(std::string_view like_pattern);

}  // namespace mecha::state
