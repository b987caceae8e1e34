// What the runtime adds to the manifest of every broker before it is made (contract 03, 1.8 and 7).

#pragma once

#include <string_view>

#include "runtime/base/text.hpp"
#include "runtime/resources/fields.hpp"

namespace mecha::pubsub {

// `consumerID`, in exactly this spelling, is the application's id unless it is given; and a component that speaks of
// {namespace} has its topics prefixed. Before placeholders are filled in. Does nothing to other components.
inline void complete(ComponentSpec& spec, std::string_view app_id) {
  if (!text::equals_nocase(spec.category(), "pubsub")) return;
  NameValue* consumer = nullptr;
  for (auto& item : spec.metadata) {
    if (item.value.find("{namespace}") != std::string::npos) spec.namespace_scoped = true;
    if (item.name == "consumerID") consumer = &item;
  }
  if (consumer == nullptr) consumer = &spec.metadata.emplace_back(NameValue{.name = "consumerID"});
  if (text::trim(consumer->value).empty()) consumer->value = app_id;
}

}  // namespace mecha::pubsub
