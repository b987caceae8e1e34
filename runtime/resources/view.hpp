// Reading a document field by field: every wrong type is noted with its line, every field that nobody asked for too.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/resources/yaml.hpp"

namespace mecha {

// What was noticed while one document was read.
struct Findings {
  std::vector<std::string> problems;  // "line 3: spec.ignoreErrors must be a boolean, got a text"
  struct Unknown {
    std::string field;  // "spec.unknownField"
    int line = 0;
  };
  std::vector<Unknown> unknown;
};

// One map of a document. Absent and null fields read as empty. Outlived by the tree and the findings.
class View {
 public:
  View(Findings& findings, const yaml::Node* node, std::string path = {});

  bool present() const { return node_ != nullptr; }
  bool has(std::string_view name) const;
  int line() const { return node_ == nullptr ? 0 : node_->line; }
  const std::string& path() const { return path_; }

  std::string text(std::string_view name);  // a number or boolean gives its text
  std::optional<bool> flag(std::string_view name);
  std::optional<std::int64_t> integer(std::string_view name);
  View object(std::string_view name);
  std::vector<View> objects(std::string_view name);
  std::vector<std::string> texts(std::string_view name);
  std::vector<double> numbers(std::string_view name);
  // `written`: values as they stand in the file, `yes` and not "true"; null is empty.
  std::map<std::string, std::string, std::less<>> text_map(std::string_view name, bool written = false);
  const yaml::Node* raw(std::string_view name);  // nullptr if absent or null
  // The members of a map of free names, as views.
  std::vector<std::pair<std::string, View>> entries(std::string_view name);

  void problem(std::string text);
  void problem_at(std::string_view name, std::string_view what);  // "<path>.<name> <what>"
  // Notes the fields that were not asked for.
  void done();

 private:
  const yaml::Node* take(std::string_view name);
  std::string inner(std::string_view name) const;
  std::nullopt_t wrong(std::string_view name, const yaml::Node& node, std::string_view wanted);

  Findings* findings_;
  const yaml::Node* node_;
  std::string path_;
  std::vector<const yaml::Node*> used_;
};

}  // namespace mecha
