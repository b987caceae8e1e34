// Queries of the state API as filters over the documents of state.mongodb. Internal to mongodb.cpp.

#pragma once

#include <cstdint>

#include "components/mongodb/document.hpp"
#include "components/state/state_store.hpp"

namespace mecha::state {

struct MongoQuery {
  mongodb::Document filter;
  mongodb::Document options;  // sort, limit, skip
  std::int64_t offset = 0;
  bool limited = false;
};

// `query` has the form of contract 02, 1.12. A field a.b is value.a.b.
Result<MongoQuery> make_mongo_query(const json::Value& query);

}  // namespace mecha::state
