#include "api/errors/configuration.hpp"

#include "api/errors/common.hpp"
#include "runtime/base/text.hpp"

namespace mecha::errors {
namespace {

std::string failed(std::string_view what, const std::vector<std::string>& keys, std::string_view store, std::string_view cause) {
  std::string message = "failed to ";
  message.append(what).append(" [").append(text::join(keys, " ")).append("] from Configuration store ");
  return message.append(store).append(": ").append(cause);
}

}  // namespace

Error configuration_not_configured() {
  return plain("ERR_CONFIGURATION_STORE_NOT_CONFIGURED", 500, Code::failed_precondition, "configuration stores not configured");
}

Error configuration_store_not_found(std::string_view store) {
  return plain(
      "ERR_CONFIGURATION_STORE_NOT_FOUND", 400, Code::invalid_argument, "configuration store " + std::string(store) + " not found"
  );
}

Error configuration_get(const std::vector<std::string>& keys, std::string_view store, std::string_view cause) {
  return plain("ERR_CONFIGURATION_GET", 500, Code::internal, failed("get", keys, store, cause));
}

Error configuration_without_app() {
  return plain(
      "ERR_APP_CHANNEL_NIL",
      500,
      Code::internal,
      "app channel is not initialized. cannot subscribe to configuration updates"
  );
}

Error configuration_subscribe(const std::vector<std::string>& keys, std::string_view store, std::string_view cause) {
  return plain("ERR_CONFIGURATION_SUBSCRIBE", 500, Code::invalid_argument, failed("subscribe", keys, store, cause));
}

Error configuration_unsubscribe(std::string_view id, std::string_view cause) {
  std::string message = "failed to unsubscribe to configuration request ";
  return plain({}, 500, Code::internal, message.append(id).append(": ").append(cause));
}

}  // namespace mecha::errors
