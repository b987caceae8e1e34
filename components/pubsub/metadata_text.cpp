#include "components/pubsub/metadata_text.hpp"

#include <utility>

#include "runtime/base/json.hpp"

namespace mecha::pubsub {

std::string write_metadata(const Metadata& metadata) {
  json::Object object;
  for (const auto& [key, value] : metadata) object[key] = value;
  return json::write(json::Value(std::move(object)));
}

std::optional<Metadata> read_metadata(const std::string& text) {
  const auto object = json::parse(text);
  if (!object || !object->is_object()) return std::nullopt;
  Metadata metadata;
  for (const auto& [key, value] : object->as_object()) {
    if (value.is_string()) metadata[key] = value.as_string();
  }
  return metadata;
}

}  // namespace mecha::pubsub
