#include "api/errors/pubsub.hpp"

#include <utility>
#include <vector>

namespace mecha::errors {
namespace {

std::string text(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const auto part : parts) joined.append(part);
  return joined;
}

// ResourceInfo, then ErrorInfo; the description repeats the message.
Error pubsub_error(
    std::string_view tag,
    unsigned http,
    Code code,
    std::string reason,
    std::string_view pubsub,
    std::string message,
    std::map<std::string, std::string> metadata
) {
  std::vector<ErrorDetail> details;
  details.push_back(resource_info("pubsub", std::string(pubsub), message));
  details.push_back(error_info(std::move(reason), std::move(metadata)));
  return rich(tag, http, code, std::move(message), std::move(details));
}

std::map<std::string, std::string> of_app(std::string_view app_id, std::string_view cause) {
  return {{"appID", std::string(app_id)}, {"error", std::string(cause)}};
}

// Events that cannot be written or read.
Error bad_events(
    std::string reason, std::string_view pubsub, std::string message, std::map<std::string, std::string> metadata
) {
  return pubsub_error(
      "ERR_PUBSUB_EVENTS_SER", 400, Code::invalid_argument, std::move(reason), pubsub, std::move(message), std::move(metadata)
  );
}

}  // namespace

Error pubsub_not_found(std::string_view pubsub, RequestMetadata metadata) {
  std::vector<ErrorDetail> details;
  details.push_back(error_info("DAPR_PUBSUB_NOT_FOUND", std::move(metadata)));
  return rich(
      "ERR_PUBSUB_NOT_FOUND", 404, Code::invalid_argument, text({"pubsub ", pubsub, " is not found"}), std::move(details)
  );
}

Error pubsub_name_empty(RequestMetadata metadata) {
  return pubsub_error(
      "ERR_PUBSUB_EMPTY", 404, Code::invalid_argument, "DAPR_PUBSUB_NAME_EMPTY", "", "pubsub name is empty", std::move(metadata)
  );
}

Error pubsub_topic_empty(std::string_view pubsub, RequestMetadata metadata) {
  return pubsub_error(
      "ERR_TOPIC_NAME_EMPTY",
      404,
      Code::invalid_argument,
      "DAPR_PUBSUB_TOPIC_NAME_EMPTY",
      pubsub,
      text({"topic is empty in pubsub ", pubsub}),
      std::move(metadata)
  );
}

Error pubsub_metadata(std::string_view pubsub, std::string_view cause, RequestMetadata metadata) {
  return pubsub_error(
      "ERR_PUBSUB_REQUEST_METADATA",
      400,
      Code::invalid_argument,
      "DAPR_PUBSUB_METADATA_DESERIALIZATION",
      pubsub,
      text({"failed deserializing metadata. Error: ", cause}),
      std::move(metadata)
  );
}

Error pubsub_forbidden(std::string_view pubsub, std::string_view topic, std::string_view app_id) {
  auto message = text({"topic ", topic, " is not allowed for app id ", app_id});
  std::map<std::string, std::string> metadata{{"topic", std::string(topic)}, {"error", message}};
  return pubsub_error(
      "ERR_PUBSUB_FORBIDDEN",
      403,
      Code::permission_denied,
      "DAPR_PUBSUB_FORBIDDEN",
      pubsub,
      std::move(message),
      std::move(metadata)
  );
}

Error pubsub_publish(std::string_view pubsub, std::string_view topic, std::string_view cause) {
  return pubsub_error(
      "ERR_PUBSUB_PUBLISH_MESSAGE",
      500,
      Code::internal,
      "DAPR_PUBSUB_PUBLISH_MESSAGE",
      pubsub,
      text({"error when publishing to topic ", topic, " in pubsub ", pubsub, ": ", cause}),
      {{"topic", std::string(topic)}, {"error", std::string(cause)}}
  );
}

Error pubsub_cloud_event(std::string_view pubsub, std::string_view app_id, std::string_view cause) {
  return pubsub_error(
      "ERR_PUBSUB_CLOUD_EVENTS_SER",
      500,
      Code::invalid_argument,
      "DAPR_PUBSUB_CLOUD_EVENT_CREATION",
      pubsub,
      "cannot create cloudevent",
      of_app(app_id, cause)
  );
}

Error pubsub_envelope(std::string_view pubsub, std::string_view topic, std::string_view app_id, std::string_view cause) {
  return bad_events(
      "DAPR_PUBSUB_MARSHAL_ENVELOPE",
      pubsub,
      text({"error when marshalling cloud event envelope for topic ", topic, " pubsub ", pubsub, ": ", cause}),
      of_app(app_id, cause)
  );
}

Error pubsub_entry_id(std::string_view pubsub, std::string_view topic, std::string_view app_id) {
  constexpr std::string_view cause = "entryId is duplicated or not present for entry";
  return bad_events(
      "DAPR_PUBSUB_MARSHAL_EVENTS",
      pubsub,
      text({"error marshaling events to bytes for topic ", topic, " pubsub ", pubsub, ". error: ", cause}),
      of_app(app_id, cause)
  );
}

Error pubsub_unmarshal(std::string_view pubsub, std::string_view topic, std::string_view app_id, std::string_view cause) {
  return bad_events(
      "DAPR_PUBSUB_UNMARSHAL_EVENTS",
      pubsub,
      text({"error when unmarshaling the request for topic ", topic, " pubsub ", pubsub, ": ", cause}),
      {{"appID", std::string(app_id)}}
  );
}

}  // namespace mecha::errors
