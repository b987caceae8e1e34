// What a YAML 1.1 scalar means: the table of contract 02, section 7.4.

#pragma once

#include <string_view>

#include "runtime/resources/yaml.hpp"

namespace mecha::yaml {

// `tag` as the parser gives it: "?" plain, "!" quoted, or a full tag ("tag:yaml.org,2002:str").
Result<Node> resolve_scalar(std::string_view text, std::string_view tag);

}  // namespace mecha::yaml
