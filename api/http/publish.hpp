// HTTP face of publishing (contract 03, sections 1.1 and 1.5). It translates and decides nothing.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/http/route.hpp"
#include "components/pubsub/pubsub.hpp"
#include "runtime/base/json.hpp"

namespace mecha::pubsub {
class Publisher;
}

namespace mecha::api {

// The publisher outlives the routes.
std::vector<HttpRoute> publish_routes(const pubsub::Publisher& publisher);

// The bytes of an event of a bulk request: fails with the contract's words when it does not fit its content type.
Result<std::string> event_bytes(const json::Value& event, std::string_view content_type);
// The entries of a bulk request's body; the error is the decoder's, without prefix.
struct BulkItem {
  std::string entry_id, content_type;
  json::Value event;
  std::optional<Metadata> metadata;
};
Result<std::vector<BulkItem>> read_bulk_body(std::string_view body);

}  // namespace mecha::api
