#include "api/errors/bindings.hpp"

#include "runtime/base/text.hpp"

namespace mecha::errors {

Error output_binding(std::string_view name, std::string_view cause) {
  std::string message = "error invoking output binding ";
  message.append(name).append(": ").append(cause);
  return plain("ERR_INVOKE_OUTPUT_BINDING", 500, Code::internal, std::move(message));
}

std::string output_binding_missing(std::string_view name) {
  return "couldn't find output binding " + std::string(name);
}

std::string operation_not_supported(
    std::string_view name, std::string_view operation, const std::vector<std::string>& supported
) {
  std::string text = "binding ";
  text.append(name).append(" does not support operation ").append(operation);
  return text.append(". supported operations:").append(text::join(supported, " "));
}

}  // namespace mecha::errors
