// The documents of state.mongodb (contract 02, section 2.10): {_id, value, _etag, _ttl}, and the filters that find them.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "components/mongodb/document.hpp"
#include "components/state/state_store.hpp"

namespace mecha::state {

// Bytes are a string of these bytes, a JSON text is one with its quotes, everything else is kept as what it is.
void add_value(mongodb::Document& to, Value value);
// The quotes and escapes of Go, in the form that JSON knows where Go's is none.
std::string quoted_text(const std::string& text);

// $set: the value under a new etag; `expires` in milliseconds since 1970, empty: never.
mongodb::Document make_update(Value value, std::string etag, std::optional<std::int64_t> expires);

// By key and, unless they are empty, the etag. For a first write: only what has expired at `expired_at`.
mongodb::Document by_key(const std::string& key, const std::string& etag = {}, std::optional<std::int64_t> expired_at = std::nullopt);
// `filter`, and not expired at `now`.
mongodb::Document alive(const mongodb::Document& filter, std::int64_t now);
// What has expired at `now`.
mongodb::Document expired(std::int64_t now);

// A regular expression for a pattern of SQL LIKE.
std::string like_expression(std::string_view pattern);

struct MongoRecord {
  std::string key;
  Item item;
};
Result<MongoRecord> read_record(const mongodb::Document& document);

}  // namespace mecha::state
