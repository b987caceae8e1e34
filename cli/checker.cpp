// Checker: files, documents and what all kinds share.

#include "cli/checker.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <tuple>

#include "cli/output.hpp"
#include "cli/run_template.hpp"
#include "components/builtin.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_utf8.hpp"
#include "runtime/resources/documents.hpp"
#include "runtime/resources/loader.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> kKinds = {"Component", "Subscription", "HTTPEndpoint", "Resiliency", "Configuration"};
constexpr std::size_t kTextMax = 500;

// On one line, without what a terminal would take for commands.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text::cut_utf8(text, kTextMax)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return out + (text.size() > kTextMax ? "..." : "");
}

// What YAML does not allow and no eye sees.
std::string tab_in(const std::string& content) {
  int line = 0;
  for (const auto text : text::split(content, '\n')) {
    ++line;
    const auto indent = text.substr(0, text.find_first_not_of(" \t"));
    if (indent.find('\t') != std::string_view::npos) return "line " + std::to_string(line) + " is indented by a tab; YAML takes only blanks";
  }
  return "look at that line and the one before: a colon, a bracket, a quote or the indentation";
}

std::string advice_on(const std::string& problem, const std::string& content) {
  return problem.find("EOF in scalar") != std::string::npos ? "a quote that opens above is closed nowhere" : tab_in(content);
}

bool is_run_template(const yaml::Node& root) {
  const auto* apps = root.find("apps");
  return root.find("kind") == nullptr && apps != nullptr && apps->is(yaml::Node::Kind::list);
}

// Fields that stand one level too far out or in, or are misspelled.
std::string level_of(const std::string& kind, const std::string& field) {
  static constexpr std::array<std::string_view, 5> kInner{"type", "version", "metadata", "ignoreErrors", "initTimeout"};
  if (kind == "Component" && std::ranges::find(kInner, field) != kInner.end()) return "it belongs into spec: indent it";
  if (field == "spec.scopes" || field == "spec.auth") return "it belongs beside spec, not into it";
  return field.find('.') == std::string::npos ? did_you_mean(field, {"spec", "metadata", "scopes", "auth"}) : "";
}

}  // namespace

const yaml::Node* below(const yaml::Node* node, std::initializer_list<std::string_view> path) {
  for (const auto part : path) node = node == nullptr ? nullptr : node->find(part);
  return node;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  const auto similar = nearest(word, names);
  return similar.empty() ? "" : "did you mean " + similar + "?";
}

Checker::Checker() { register_builtin(catalog_); }

void Checker::error(Location at, std::string text, std::string fix) { findings_.push_back({std::move(at), true, std::move(text), std::move(fix)}); }
void Checker::warn(Location at, std::string text, std::string fix) { findings_.push_back({std::move(at), false, std::move(text), std::move(fix)}); }

void Checker::add_numbered(const Location& at, const std::string& text, const std::string& fix) {
  const auto colon = text.find(": ");
  const auto number = text.starts_with("line ") ? text::to_int(std::string_view(text).substr(5, colon - 5)) : std::nullopt;
  if (number) error({at.file, static_cast<int>(*number)}, text.substr(colon + 2), fix);
  else error(at, text, fix);
}

// The deepest part of the path that is there.
Location Checker::at(const Location& base, const yaml::Node& root, const Path& path) {
  Location place = base;
  const auto* node = &root;
  for (const auto part : path) {
    node = node->find(part);
    if (node == nullptr) break;
    if (node->line > 0) place.line = node->line;
  }
  return place;
}

std::vector<Finding> Checker::findings() {
  for (auto& finding : findings_) finding.text = printable(finding.text);
  std::ranges::sort(findings_, {}, [](const Finding& f) { return std::tie(f.place.file, f.place.line, f.text); });
  return findings_;
}

void Checker::path(const std::string& path) {
  std::error_code fault;
  if (fs::is_directory(path, fault)) folder(path);
  else file(path);
}

void Checker::folder(const std::string& path) {
  std::vector<fs::path> names;
  bool deeper = false;
  std::error_code fault;
  for (auto it = fs::directory_iterator(path, fault); !fault && it != fs::directory_iterator(); it.increment(fault)) {
    std::error_code unclear;
    if (it->is_directory(unclear)) deeper = true;
    else names.push_back(it->path());
  }
  if (fault) return error({path, 0}, "the folder cannot be read: " + fault.message(), "see its permissions with ls -ld");
  std::ranges::sort(names);
  const auto before = files_;
  for (const auto& name : names) {
    if (loading::is_resource_file(name)) file(name);
    else warn({name, 0}, "is passed over: resource files end in .yaml or .yml", "rename it if it is one");
  }
  if (files_ != before) return;
  error({path, 0}, "there is no resource file (*.yaml, *.yml) in this folder", deeper ? "name the folder below that has them: folders are not searched" : "name the folder that has them");
}

void Checker::file(const std::string& path) {
  const auto content = read_file(path);
  if (!content) return error({path, 0}, content.error().message);
  ++files_;
  if (content->find('\0') != std::string::npos) return error({path, 0}, "this is no text file", "name YAML files only");
  bool first = true;
  for (const auto& part : yaml::split_documents(*content)) {
    if (part.blank()) continue;
    std::vector<yaml::Repeat> repeats;
    auto root = yaml::parse(part.text, part.first_line, yaml::Keys::resolved, &repeats);
    for (const auto& repeat : repeats) {
      error({path, repeat.line}, text::quote(repeat.name) + " stands in the same map as at line " + std::to_string(repeat.earlier_line) + ", which has no effect", "take one of the two out");
    }
    if (const auto line = yaml::passed_over(part.text); root && line) {
      error({path, part.first_line + *line - 1}, "what stands behind a line of three dots is passed over", "begin another document with ---");
    }
    if (root) {
      roots_.push_back(*std::move(root));
      const auto line = roots_.back().line;
      document({roots_.back(), path, {path, line > 0 ? line : part.first_line}, first}, *content);
    } else {
      add_numbered({path, part.first_line}, root.error().message, advice_on(root.error().message, *content));
    }
    first = false;
  }
}

// Its own reader says what is wrong with it.
void Checker::run_template(const std::string& path, const std::string& text) {
  const auto made = parse_template(text, path, fs::absolute(path).parent_path());
  const auto add = [&](std::string_view line, bool fault) {
    const auto rest = line.substr(line.starts_with(path + ":") ? path.size() + 1 : 0);
    const auto number = text::to_int(rest.substr(0, rest.find(':')));
    findings_.push_back({{path, static_cast<int>(number.value_or(0))}, fault, std::string(number ? text::trim(rest.substr(rest.find(':') + 1)) : text::trim(rest)), {}});
  };
  if (!made) {
    for (const auto line : text::split(made.error().message, '\n')) add(line, true);
  } else {
    for (const auto& note : made->notes) add(note, false);
  }
  warn({path, 1}, "this is a run template, no resource: a sidecar passes it over", "start it with mecha run -f " + path);
}

void Checker::document(const Document& document, const std::string& text) {
  if (is_run_template(document.root)) return run_template(document.file, text);
  Findings found;
  View doc(found, &document.root);
  if (!doc.present()) {
    if (document.root.is(yaml::Node::Kind::null)) return;
    return error(document.at, "a resource is a map with apiVersion, kind, metadata and spec, this is " + std::string(yaml::kind_name(document.root.kind)));
  }
  const auto kind = doc.text("kind");
  const auto version = doc.text("apiVersion");
  const auto place = at(document.at, document.root, {"kind"});
  if (kind == "MCPServer" || kind == "WorkflowAccessPolicy") return warn(place, "kind " + kind + " is not in this build and is passed over");
  if (std::ranges::find(kKinds, kind) == kKinds.end()) {
    const auto similar = did_you_mean(kind, kKinds);
    return error(place, kind.empty() ? "the document has no kind" : "kind " + text::quote(kind) + " is not known and is passed over", similar.empty() ? "one of " + text::join(kKinds, ", ") : similar);
  }
  const bool as_loaded = version == "dapr.io/v1alpha1" || (kind == "Subscription" && version == "dapr.io/v2alpha1") || kind == "Resiliency" || kind == "Configuration";
  if (!as_loaded) {
    error(at(document.at, document.root, {"apiVersion"}), "apiVersion " + text::quote(version) + " of a " + kind + " is not known and the document is passed over", "write apiVersion: dapr.io/v1alpha1");
  } else if (version != "dapr.io/v1alpha1" && version != "dapr.io/v2alpha1") {
    warn(at(document.at, document.root, {"apiVersion"}), "apiVersion " + text::quote(version) + " of a " + kind + " is not known", "write apiVersion: dapr.io/v1alpha1");
  }
  this->kind(document, doc, version);
  for (const auto& problem : found.problems) add_numbered(document.at, problem);
  for (const auto& [field, line] : found.unknown) {
    warn({document.file, line}, field + " is not a field of a " + kind + " and has no effect", level_of(kind, field));
  }
}

void Checker::kind(const Document& document, View& doc, const std::string& version) {
  const auto kind = doc.text("kind");
  const auto& root = document.root;
  if (kind == "Configuration") return configuration(document);
  if (kind == "Component") {
    components_.push_back({documents::read_component(doc, document.at), &root});
    name(document, kind, components_.back().spec.name);
    component(components_.back().spec, root);
  } else if (kind == "Subscription") {
    const bool with_routes = version == "dapr.io/v2alpha1";
    subscriptions_.push_back({documents::read_subscription(doc, document.at, with_routes), &root});
    name(document, kind, subscriptions_.back().spec.name);
    subscription(subscriptions_.back().spec, root, with_routes);
  } else if (kind == "HTTPEndpoint") {
    endpoints_.push_back({documents::read_endpoint(doc, document.at), &root});
    name(document, kind, endpoints_.back().spec.name);
    endpoint(endpoints_.back().spec, root);
  } else {
    resiliencies_.push_back({documents::read_resiliency(doc, document.at), &root});
    resiliency(document, resiliencies_.back().spec);
  }
}

void Checker::name(const Document& document, const std::string& kind, const std::string& name) {
  const auto place = at(document.at, document.root, {"metadata", "name"});
  if (name.empty()) return error(place, "a " + kind + " without metadata.name is passed over", "add metadata: {name: ...}");
  if (const auto fault = loading::name_fault(name); !fault.empty()) {
    error(place, "the name " + text::quote(name) + " of a " + kind + " " + fault + "; the document is passed over", "a name is part of a path: take letters, digits and -");
  } else if (name.find_first_of(" ?#") != std::string::npos) {
    warn(place, "the name " + text::quote(name) + " has signs that a path of the API must escape", "take letters, digits and -");
  }
}

}  // namespace mecha::cli
