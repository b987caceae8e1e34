// Settings of state.redis, and the index schema among them. Internal to redis.cpp and redis_query.cpp.

#pragma once

#include <string>
#include <tuple>
#include <vector>

#include "components/redis/settings.hpp"

namespace mecha::state {

struct RedisStateSettings : redis::Settings {
  std::optional<int> ttl;
  std::string query_indexes;
  std::optional<int> old_retries_max;
  std::optional<std::int64_t> old_backoff_ns;

  static constexpr auto fields() {
    using S = RedisStateSettings;
    return std::tuple_cat(
        redis::Settings::fields(),
        std::tuple{
            field("ttlInSeconds", &S::ttl, "Time to live of records whose request states none."),
            field("queryIndexes", &S::query_indexes, "JSON list of indexes for queries; needs the JSON module."),
            field("maxRetries", &S::old_retries_max, "Old name of redisMaxRetries."),
            field("maxRetryBackoff", &S::old_backoff_ns, "Old redisMinRetryInterval, in nanoseconds."),
        }
    );
  }
};

// One index of the search module: the i-th entry is known to the server as var<i>.
struct QueryIndex {
  struct Entry {
    std::string key, type;
  };
  std::string name;
  std::vector<Entry> entries;
};

}  // namespace mecha::state
