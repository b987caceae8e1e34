// Errors of publishing (contract 03, section 1.6).

#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/errors/common.hpp"

namespace mecha::errors {

using RequestMetadata = std::map<std::string, std::string>;

Error pubsub_not_found(std::string_view pubsub, RequestMetadata metadata);
Error pubsub_name_empty(RequestMetadata metadata);
Error pubsub_topic_empty(std::string_view pubsub, RequestMetadata metadata);
Error pubsub_metadata(std::string_view pubsub, std::string_view cause, RequestMetadata metadata);
Error pubsub_forbidden(std::string_view pubsub, std::string_view topic, std::string_view app_id);
Error pubsub_publish(std::string_view pubsub, std::string_view topic, std::string_view cause);
Error pubsub_cloud_event(std::string_view pubsub, std::string_view app_id, std::string_view cause);
// One event of a bulk request that does not fit its content type.
Error pubsub_envelope(std::string_view pubsub, std::string_view topic, std::string_view app_id, std::string_view cause);
// entryId missing or given twice.
Error pubsub_entry_id(std::string_view pubsub, std::string_view topic, std::string_view app_id);
// The body of a bulk request.
Error pubsub_unmarshal(std::string_view pubsub, std::string_view topic, std::string_view app_id, std::string_view cause);

}  // namespace mecha::errors
