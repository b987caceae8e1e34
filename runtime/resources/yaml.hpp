// YAML documents by the rules of the wire contract (02, section 7.4): YAML 1.1 scalars, merge keys, duplicate keys where
// the last wins, line numbers kept. The parser behind it is met in yaml.cpp only.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"

namespace mecha::yaml {

struct Member;

struct Node {
  enum class Kind : std::uint8_t { null, boolean, number, text, list, map };
  Kind kind = Kind::null;
  std::string value;  // of a scalar: "true", "1000", the text
  std::string written;  // of a scalar: as it stands in the file, where that is not `value`
  std::vector<Node> items;
  std::vector<Member> members;  // in order, names unique
  int line = 0;

  bool is(Kind k) const { return kind == k; }
  bool is_scalar() const { return kind == Kind::boolean || kind == Kind::number || kind == Kind::text; }
  // A member by name, exactly or else without case; nullptr if there is none or this is no map.
  const Node* find(std::string_view name) const;
};

struct Member {
  std::string name;
  Node node;
};

std::string_view kind_name(Node::Kind kind);

json::Value to_json(const Node& node);
// The text of a value as metadata: text as it is, everything else its JSON.
std::string to_text(const Node& node);

// One document of a file; `first_line` is where it stands. The error names the line. Fails on `.inf` and `.nan`, and on
// documents that grow beyond a million values by aliases.
// Keys are scalars of YAML 1.1 as well, `Y` is "true"; or they are taken as they are written.
enum class Keys : std::uint8_t { resolved, written };
// A key that its map has already: the value that stands at `line` has taken the place of the earlier one.
struct Repeat {
  std::string name;
  int line = 0, earlier_line = 0;
};
// `repeats`, if given, gets every one.
Result<Node> parse(std::string_view text, int first_line = 1, Keys keys = Keys::resolved, std::vector<Repeat>* repeats = nullptr);

// The line of what stands behind the end of the document, a line "..." or "---", and which no loader reads.
std::optional<int> passed_over(std::string_view text);

struct Document {
  std::string text;
  int first_line = 1;
  bool blank() const;  // nothing but comments and blanks
};
// Splits at lines that begin with "---"; the rest of such a line is dropped. The first part may be empty.
std::vector<Document> split_documents(std::string_view text);

}  // namespace mecha::yaml
