// The little XML of answers: elements and their texts. Attributes, comments and instructions are passed over, names are
// taken as written; a document type (and so entities of one's own) is refused.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::aws {

struct Element {
  std::string name, text;  // the texts of an element joined
  std::vector<Element> children;

  const Element* find(std::string_view child) const;
  std::string_view text_of(std::string_view child) const;  // empty if there is none
};

// The root, of UTF-8. At most 32 levels; nothing in it is larger than what came.
Result<Element> parse_xml(std::string_view text);

}  // namespace mecha::aws
