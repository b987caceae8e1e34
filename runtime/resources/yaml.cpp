#include "runtime/resources/yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cstdlib>
#include <algorithm>
#include <sstream>

#include "runtime/base/text.hpp"
#include "runtime/resources/yaml_scalar.hpp"

namespace mecha::yaml {
namespace {

constexpr std::size_t kNodesMax = 1'000'000;
constexpr int kDepthMax = 500;

// Turns the parser's tree into ours. Aliases are copied, so growth is bounded.
class Converter {
 public:
  Converter(int first_line, Keys keys, std::vector<Repeat>* repeats) : first_line_(first_line), keys_(keys), repeats_(repeats) {}

  Result<Node> convert(const YAML::Node& in, int depth = 0) {
    Node node;
    node.line = in.Mark().line < 0 ? 0 : in.Mark().line + first_line_;
    if (++count_ > kNodesMax || depth > kDepthMax) return failure(node.line, "document contains excessive aliasing");
    switch (in.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null:
        return node;
      case YAML::NodeType::Scalar:
        return scalar(in, std::move(node));
      case YAML::NodeType::Sequence:
        return sequence(in, std::move(node), depth);
      case YAML::NodeType::Map:
        return map(in, std::move(node), depth);
    }
    return node;
  }

 private:
  std::unexpected<Error> failure(int line, std::string_view what) const {
    return fail(Code::invalid_argument, "line " + std::to_string(line) + ": " + std::string(what));
  }

  Result<Node> scalar(const YAML::Node& in, Node node) {
    auto resolved = resolve_scalar(in.Scalar(), in.Tag());
    if (!resolved) return failure(node.line, resolved.error().message);
    node.kind = resolved->kind;
    node.value = std::move(resolved->value);
    if (node.value != in.Scalar()) node.written = in.Scalar();
    return node;
  }

  Result<Node> sequence(const YAML::Node& in, Node node, int depth) {
    node.kind = Node::Kind::list;
    for (const auto& item : in) {
      MECHA_TRY(auto child, convert(item, depth + 1));
      node.items.push_back(std::move(child));
    }
    return node;
  }

  Result<Node> map(const YAML::Node& in, Node node, int depth) {
    node.kind = Node::Kind::map;
    std::vector<Node> merged;
    for (const auto& member : in) {
      MECHA_TRY(auto name, convert(member.first, depth + 1));
      MECHA_TRY(auto value, convert(member.second, depth + 1));
      if (name.value == "<<" && member.first.Tag() == "?") {
        merged.push_back(std::move(value));
        continue;
      }
      if (!name.is_scalar()) return failure(name.line, "a key must be a scalar");
      if (value.line == 0) value.line = name.line;
      if (keys_ == Keys::written && !name.written.empty()) name.value = std::move(name.written);
      put(node, std::move(name.value), std::move(value), true);
    }
    for (auto& other : merged) MECHA_TRY_VOID(merge(node, std::move(other)));
    return node;
  }

  // `<<`: what the map itself says wins, then the first of a list.
  Result<void> merge(Node& node, Node other) {
    if (other.is(Node::Kind::list)) {
      for (auto& item : other.items) MECHA_TRY_VOID(merge(node, std::move(item)));
      return {};
    }
    if (!other.is(Node::Kind::map)) return failure(node.line, "map merge requires map or sequence of maps as the value");
    for (auto& [name, value] : other.members) put(node, std::move(name), std::move(value), false);
    return {};
  }

  void put(Node& node, std::string name, Node value, bool replace) {
    const auto same = std::ranges::find(node.members, name, &Member::name);
    if (same == node.members.end()) {
      node.members.push_back({std::move(name), std::move(value)});
    } else if (replace) {
      if (repeats_ != nullptr) repeats_->push_back({.name = same->name, .line = value.line, .earlier_line = same->node.line});
      same->node = std::move(value);
    }
  }

  int first_line_;
  Keys keys_;
  std::vector<Repeat>* repeats_;
  std::size_t count_ = 0;
};

}  // namespace

const Node* Node::find(std::string_view name) const {
  const Node* other = nullptr;
  for (const auto& [member, node] : members) {
    if (member == name) return &node;
    if (other == nullptr && text::equals_nocase(member, name)) other = &node;
  }
  return other;
}

std::string_view kind_name(Node::Kind kind) {
  constexpr std::array names{"null", "a boolean", "a number", "a text", "a list", "a map"};
  return names[static_cast<std::size_t>(kind)];
}

json::Value to_json(const Node& node) {
  switch (node.kind) {
    case Node::Kind::null:
      return {};
    case Node::Kind::boolean:
      return node.value == "true";
    case Node::Kind::number:
      return json::Number{node.value};
    case Node::Kind::text:
      return node.value;
    case Node::Kind::list: {
      json::Array array;
      for (const auto& item : node.items) array.push_back(to_json(item));
      return array;
    }
    case Node::Kind::map: {
      json::Object object;
      for (const auto& [name, value] : node.members) object.insert_or_assign(name, to_json(value));
      return object;
    }
  }
  return {};
}

std::string to_text(const Node& node) {
  if (node.is(Node::Kind::null)) return {};
  if (node.is_scalar()) return node.value;
  return json::write(to_json(node), json::Dialect::number_text);
}

namespace {

class Nobody : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { line = mark.line; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  int line = 0;
};

// "---" or "...": at the beginning of a line, and nothing or a blank behind it.
bool is_mark(std::string_view line, std::string_view mark) { return line.starts_with(mark) && (line.size() == mark.size() || text::trim(line.substr(mark.size(), 1)).empty()); }

// Where the first document ends, and the line of what stands behind that.
struct Extent {
  std::size_t size = 0;
  std::optional<int> line_behind;
};

Extent extent_of(std::string_view text) {
  int line = 0;
  bool ended = false, begun = false;
  Extent extent{.size = text.size(), .line_behind = std::nullopt};
  for (const auto whole : text::split(text, '\n')) {
    ++line;
    const auto words = text::trim(whole);
    const bool content = !words.empty() && !words.starts_with('#'), start = is_mark(whole, "---");
    if ((start && begun) || is_mark(whole, "...")) {
      if (!ended) extent.size = static_cast<std::size_t>(whole.data() - text.data());
      ended = true;
    } else if (ended && content) {
      extent.line_behind = line;
      break;
    } else {
      begun = begun || start || content;
    }
  }
  return extent;
}

// The parser ends quietly at signs that may not stand where they do (",a: 1", "%" at the beginning of a line), and at the end of
// the text within a quote, unless nothing but the quote's own words stands last. Throws for these.
void read_to_the_end(std::string_view text) {
  const auto extent = extent_of(text);
  if (extent.line_behind) return;
  text = text.substr(0, extent.size);
  std::istringstream in(std::string(text.substr(0, text.find_last_not_of(" \t\r\n") + 1)));
  YAML::Parser parser(in);
  Nobody events;
  parser.HandleNextDocument(events);
  if (!parser) return;
  parser.HandleNextDocument(events);
  YAML::Mark mark;
  mark.line = events.line;
  throw YAML::ParserException(mark, "did not find expected <document start>");
}

}  // namespace

std::optional<int> passed_over(std::string_view text) { return extent_of(text).line_behind; }

Result<Node> parse(std::string_view text, int first_line, Keys keys, std::vector<Repeat>* repeats) {
  YAML::Node root;
  try {
    root = YAML::Load(std::string(text));
    read_to_the_end(text);
  } catch (const YAML::ParserException& e) {
    return fail(Code::invalid_argument, "line " + std::to_string(e.mark.line + first_line) + ": " + e.msg);
  } catch (const std::exception& e) {
    return fail(Code::invalid_argument, e.what());
  }
  try {
    return Converter(first_line, keys, repeats).convert(root);
  } catch (const std::exception& e) {
    return fail(Code::invalid_argument, e.what());
  }
}

bool Document::blank() const {
  return std::ranges::all_of(text::split(text, '\n'), [](std::string_view line) {
    line = text::trim(line);
    return line.empty() || line.starts_with('#');
  });
}

std::vector<Document> split_documents(std::string_view text) {
  std::vector<Document> list(1);
  int line = 1;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1) + 1;
    const auto whole = text.substr(0, end);
    text.remove_prefix(end);
    if (whole.starts_with("---")) {
      list.push_back({.text = {}, .first_line = line + 1});
    } else {
      list.back().text += whole;
    }
    ++line;
  }
  return list;
}

}  // namespace mecha::yaml
