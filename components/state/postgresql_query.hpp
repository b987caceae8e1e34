// Queries of the state API as SQL over the documents of state.postgresql v1. Internal to postgresql.cpp.

#pragma once

#include <cstdint>
#include <string_view>

#include "components/postgresql/statement.hpp"
#include "components/state/state_store.hpp"

namespace mecha::state {

struct PostgresQuery {
  postgresql::Statement statement;
  std::int64_t offset = 0;
  bool limited = false;
};

// `select` reads the rows of all keys, up to before WHERE. Fields are compared as texts: a.b is value->'a'->>'b'.
Result<PostgresQuery> make_postgres_query(std::string_view select, const json::Value& query);

}  // namespace mecha::state
