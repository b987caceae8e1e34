#include "components/aws/xml.hpp"

#include <expat.h>

#include <climits>
#include <memory>
#include <utility>

namespace mecha::aws {
namespace {

constexpr std::size_t kDepthMax = 32;

std::unexpected<Error> wrong(std::string why) { return fail(Code::internal, "the answer is no valid XML: " + std::move(why)); }

struct Tree {
  XML_Parser parser;
  Element root;
  std::vector<Element*> open;  // from the root to where we are: an element that is open has no later sibling yet
  std::string refused;

  void refuse(const char* why) {
    refused = why;
    XML_StopParser(parser, XML_FALSE);
  }
};

void on_begin(void* user, const char* name, const char**) {
  auto& tree = *static_cast<Tree*>(user);
  if (tree.open.size() == kDepthMax) return tree.refuse("too many levels");
  auto* element = tree.open.empty() ? &tree.root : &tree.open.back()->children.emplace_back();
  element->name = name;
  tree.open.push_back(element);
}

void on_end(void* user, const char*) { static_cast<Tree*>(user)->open.pop_back(); }

void on_text(void* user, const char* text, int size) {
  static_cast<Tree*>(user)->open.back()->text.append(text, static_cast<std::size_t>(size));
}

void on_document_type(void* user, const char*, const char*, const char*, int) {
  static_cast<Tree*>(user)->refuse("it has a document type");
}

}  // namespace

const Element* Element::find(std::string_view child) const {
  for (const auto& one : children) {
    if (one.name == child) return &one;
  }
  return nullptr;
}

std::string_view Element::text_of(std::string_view child) const {
  const auto* one = find(child);
  return one == nullptr ? std::string_view() : std::string_view(one->text);
}

Result<Element> parse_xml(std::string_view text) {
  if (text.size() > INT_MAX) return wrong("it is too large");
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(XML_ParserCreate("UTF-8"), XML_ParserFree);
  if (parser == nullptr) return fail(Code::resource_exhausted, "no memory for an XML parser");
  Tree tree{.parser = parser.get(), .root = {}, .open = {}, .refused = {}};
  XML_SetUserData(parser.get(), &tree);
  XML_SetElementHandler(parser.get(), on_begin, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_document_type);
  if (XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE) == XML_STATUS_OK) return std::move(tree.root);
  if (!tree.refused.empty()) return wrong(std::move(tree.refused));
  return wrong(XML_ErrorString(XML_GetErrorCode(parser.get())));
}

}  // namespace mecha::aws
