// mecha check: everything that is wrong with resource files, with the place, the rule, and a fix where one is known.

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <tuple>

#include <CLI/CLI.hpp>

#include "cli/catalog.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "components/builtin.hpp"
#include "components/catalog.hpp"
#include "components/pubsub/runtime_part.hpp"
#include "components/runtime_items.hpp"
#include "runtime/base/cel.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/documents.hpp"
#include "runtime/resources/environment.hpp"
#include "runtime/resources/loader.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

struct Finding {
  Location place;
  bool error = true;
  std::string text, fix;
};

const std::vector<std::string> kKinds = {"Component", "Subscription", "HTTPEndpoint", "Resiliency", "Configuration"};

class Checker {
 public:
  Checker() { register_builtin(catalog_); }

  void file(const std::string& path) {
    const auto content = read_file(path);
    if (!content) return add({path, 0}, content.error().message);
    ++files_;
    for (const auto& document : yaml::split_documents(*content)) {
      if (document.blank()) continue;
      const auto root = yaml::parse(document.text, document.first_line);
      if (root) this->document(*root, path, document.first_line);
      else add_numbered(path, document.first_line, root.error().message, tab_in(*content));
    }
  }

  // What only the whole of the files shows.
  void whole() {
    std::map<std::string, const ComponentSpec*, std::less<>> names;
    for (const auto& spec : components_) {
      const auto [it, fresh] = names.emplace(spec.name, &spec);
      if (!fresh) add(spec.location, "two components are called " + text::quote(spec.name) + ", the other at " + it->second->location.text(), "rename one of them");
    }
    const auto known = [&](const std::string& name, std::string_view category) {
      const auto it = names.find(name);
      return it != names.end() && it->second->category() == category;
    };
    const auto refer = [&](const Location& at, const std::string& name, std::string_view category, const std::string& what) {
      if (name.empty() || known(name, category) || name == "kubernetes") return;
      std::vector<std::string> others;
      for (const auto& [other, spec] : names) {
        if (spec->category() == category) others.push_back(other);
      }
      const auto similar = nearest(name, others);
      add(at, what + " names the component " + text::quote(name) + ", but there is no " + std::string(category) + " of that name here", similar.empty() ? "" : "did you mean " + similar + "?", false);
    };
    for (const auto& s : subscriptions_) refer(s.location, s.pubsub, "pubsub", "subscription " + text::quote(s.name));
    for (const auto& spec : components_) refer(spec.location, spec.secret_store, "secretstores", "component " + text::quote(spec.name));
  }

  std::vector<Finding> findings;
  int files() const { return files_; }
  std::size_t components() const { return components_.size(); }

 private:
  void add(Location at, std::string text, std::string fix = {}, bool error = true) { findings.push_back({std::move(at), error, std::move(text), std::move(fix)}); }

  // "line 3: what" stands at line 3.
  void add_numbered(const std::string& path, int line, const std::string& text, const std::string& fix = {}) {
    const auto colon = text.find(": ");
    const auto number = text.starts_with("line ") ? text::to_int(std::string_view(text).substr(5, colon - 5)) : std::nullopt;
    if (number) add({path, static_cast<int>(*number)}, text.substr(colon + 2), fix);
    else add({path, line}, text, fix);
  }

  // What YAML does not allow and no eye sees.
  static std::string tab_in(const std::string& content) {
    int line = 0;
    for (const auto text : text::split(content, '\n')) {
      ++line;
      const auto indent = text.substr(0, text.find_first_not_of(" \t"));
      if (indent.find('\t') != std::string_view::npos) return "line " + std::to_string(line) + " is indented by a tab; YAML takes only blanks";
    }
    return "look at that line and the one before: a colon, a bracket, a quote or the indentation";
  }

  void document(const yaml::Node& root, const std::string& path, int first_line) {
    Findings found;
    View doc(found, &root);
    const Location at{path, root.line > 0 ? root.line : first_line};
    const auto kind = doc.text("kind");
    const auto version = doc.text("apiVersion");
    if (std::ranges::find(kKinds, kind) == kKinds.end()) {
      const auto similar = nearest(kind, kKinds);
      return add(at, kind.empty() ? "the document has no kind" : "kind " + text::quote(kind) + " is not known and is passed over", similar.empty() ? "one of " + text::join(kKinds, ", ") : "did you mean " + similar + "?");
    }
    if (version != "dapr.io/v1alpha1" && (kind != "Subscription" || version != "dapr.io/v2alpha1")) {
      add(at, "apiVersion " + text::quote(version) + " of a " + kind + " is not known and the document is passed over", "write apiVersion: dapr.io/v1alpha1");
    }
    std::string name;
    if (kind == "Component") {
      components_.push_back(documents::read_component(doc, at));
      name = components_.back().name;
      if (found.problems.empty()) component(components_.back());
    } else if (kind == "Subscription") {
      subscriptions_.push_back(documents::read_subscription(doc, at, version == "dapr.io/v2alpha1"));
      name = subscriptions_.back().name;
      rules(subscriptions_.back());
    } else if (kind == "HTTPEndpoint") {
      name = documents::read_endpoint(doc, at).name;
    } else if (kind == "Resiliency") {
      const auto spec = documents::read_resiliency(doc, at);
      name = spec.name;
      if (spec.problem) add(at, spec.problem->message);
    } else {
      return configuration(path);
    }
    if (name.empty() && found.problems.empty()) add(at, "a " + kind + " without metadata.name is passed over", "add metadata: {name: ...}");
    for (const auto& problem : found.problems) add_numbered(path, at.line, problem);
    for (const auto& [field, line] : found.unknown) add({path, line}, field + " is not a field of a " + kind + " and has no effect", level_of(kind, field), false);
  }

  // Fields that stand one level too far out or in.
  static std::string level_of(const std::string& kind, const std::string& field) {
    if (kind != "Component") return {};
    static constexpr std::array<std::string_view, 5> kInner{"type", "version", "metadata", "ignoreErrors", "initTimeout"};
    if (std::ranges::find(kInner, field) != kInner.end()) return "it belongs into spec: indent it";
    if (field == "spec.scopes" || field == "spec.auth") return "it belongs beside spec, not into it";
    return {};
  }

  void configuration(const std::string& path) {
    std::vector<Notice> notices;
    const auto read = load_configuration({path}, process_environment(), notices);
    if (!read) {
      auto [line, what] = take_place(path, read.error().message);
      add({path, line}, what);
    }
    for (const auto& notice : notices) {
      auto [line, what] = take_place(path, notice.text);
      add({path, line}, what, "", notice.level == Notice::Level::error);
    }
  }

  // "<path>:3: what" and "error loading configuration: <path>: line 3: what" stand at line 3.
  static std::pair<int, std::string> take_place(const std::string& path, std::string text) {
    constexpr std::string_view kLoading = "error loading configuration: ";
    if (text.starts_with(kLoading)) text.erase(0, kLoading.size());
    if (!text.starts_with(path + ":")) return {0, std::move(text)};
    const auto rest = text::trim(std::string_view(text).substr(path.size() + 1));
    const auto end = rest.find(": ");
    auto word = rest.substr(0, end);
    if (word.starts_with("line ")) word.remove_prefix(5);
    const auto number = end == std::string_view::npos ? std::nullopt : text::to_int(word);
    return number ? std::pair(static_cast<int>(*number), std::string(rest.substr(end + 2))) : std::pair(0, std::string(rest));
  }

  void rules(const SubscriptionSpec& spec) {
    for (const auto& rule : spec.rules) {
      if (rule.match.empty()) continue;
      if (const auto made = cel::Expression::compile(rule.match); !made) add(spec.location, "the rule " + text::quote(rule.match) + " cannot be read: " + made.error().message);
    }
  }

  // With the values that a start from here would give it: variables and placeholders filled in, as far as they are known. What
  // is not known is left to the start, as a secret is.
  ComponentSpec as_started(ComponentSpec spec) {
    const auto environment = process_environment();
    pubsub::complete(spec, "app");
    for (auto& item : spec.metadata) {
      const auto what = "component " + spec.title() + ": " + item.name;
      if (!item.has_value && !item.env.empty()) {
        auto value = may_read(item.env, environment) ? environment(item.env) : std::optional<std::string>("");
        if (!may_read(item.env, environment)) add(item.location, what + " may not read the variable " + item.env + " and is empty", "take a variable that does not begin with DAPR_ and that DAPR_ENV_KEYS, if set, names", false);
        else if (!value) add(item.location, what + " reads the variable " + item.env + ", which is not set here", "set it where the sidecar is started", false);
        if (value) item.value = *std::move(value);
        else item.secret = SecretRef{.name = "not known", .key = ""};
      }
      if (item.secret) continue;
      auto filled = fill_templates(item.name, item.value, make_templates("app", environment));
      if (filled) item.value = *std::move(filled);
      else add(item.location, "component " + spec.title() + ": " + filled.error().message, "known are {uuid}, {podName}, {namespace} and {appID}; POD_NAME must be set for {podName}");
    }
    return spec;
  }

  void component(const ComponentSpec& spec) {
    const auto entry = catalog_.find(spec);
    if (!entry) {
      if (spec.type.empty()) return add(spec.location, "component " + text::quote(spec.name) + " has no type", "spec: {type: state.redis, version: v1}, for instance; `mecha components` lists the types");
      return add(spec.location, "component " + text::quote(spec.name) + ": " + entry.error().message, known_type(spec.type));
    }
    for (const auto& problem : (*entry)->check(as_started(spec))) {
      add(problem.location.file.empty() ? spec.location : problem.location, "component " + spec.title() + ": " + problem.text, "`mecha describe " + spec.type + "` shows the settings");
    }
    std::vector<std::string> names;
    for (const auto& field : (*entry)->fields()) names.push_back(field.name);
    for (const auto& item : (*entry)->unknown(spec)) {
      if (is_runtime_item(spec.category(), item.name)) continue;
      const auto similar = nearest(item.name, names);
      add(item.location, "component " + spec.title() + ": " + item.name + " is not a setting of it and has no effect", similar.empty() ? "`mecha describe " + spec.type + "` shows the settings" : "did you mean " + similar + "?", false);
    }
  }

  // What may have been meant by a type that is not there, or not in that version.
  std::string known_type(const std::string& wanted) {
    std::vector<std::string> types, versions;
    const auto all = catalog_.describe();
    for (const auto& type : all.as_array()) {
      types.emplace_back(type.text("type"));
      if (text::equals_nocase(types.back(), wanted)) versions.emplace_back(type.text("version"));
    }
    if (!versions.empty()) return "of " + wanted + " there is " + text::join(versions, " and ");
    const auto similar = nearest(wanted, types);
    return similar.empty() ? "`mecha components` lists the types" : "did you mean " + similar + "?";
  }

  Catalog catalog_;
  std::vector<ComponentSpec> components_;
  std::vector<SubscriptionSpec> subscriptions_;
  int files_ = 0;
};

int check(const std::string& path, const std::string& form) {
  std::vector<std::string> files;
  std::error_code error;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path, error)) {
      const auto end = entry.path().extension();
      if (entry.is_regular_file() && (end == ".yaml" || end == ".yml" || end == ".json")) files.push_back(entry.path());
    }
  } else if (fs::exists(path)) {
    files.push_back(path);
  } else {
    return print_failure(form, {.code = Code::not_found, .message = path + " does not exist\n  remedy: name a resource file or a folder of them"});
  }
  std::ranges::sort(files);
  Checker checker;
  for (const auto& file : files) checker.file(file);
  checker.whole();
  if (files.empty()) checker.findings.push_back({{path, 0}, false, "the folder holds no resource files", "their names end with .yaml, .yml or .json; folders in it are not looked into"});
  std::ranges::sort(checker.findings, {}, [](const Finding& f) { return std::tuple(f.place.file, f.place.line, f.text); });
  json::Array array;
  std::string text;
  int errors = 0;
  for (const auto& finding : checker.findings) {
    errors += finding.error ? 1 : 0;
    text += finding.place.text() + ": " + (finding.error ? paint(31, "error") : paint(33, "warning")) + ": " + finding.text + "\n" + (finding.fix.empty() ? "" : "  fix: " + finding.fix + "\n");
    array.emplace_back(json::Object{{"file", finding.place.file}, {"line", finding.place.line}, {"level", finding.error ? "error" : "warning"}, {"text", finding.text}, {"fix", finding.fix}});
  }
  text += std::to_string(checker.files()) + " files, " + std::to_string(checker.components()) + " components, " + std::to_string(errors) + " errors, " + std::to_string(checker.findings.size() - static_cast<std::size_t>(errors)) + " warnings\n";
  return std::max(print(form, json::Value(std::move(array)), text), errors > 0 ? 1 : 0);
}

}  // namespace

void add_check(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("check", "Say everything that is wrong with resource files; exit code 1 when there is an error");
  auto options = std::make_shared<std::pair<std::string, std::string>>("", "table");
  command->add_option("path", options->first, "A resource file or a folder of them")->type_name("PATH")->required();
  add_output(*command, options->second);
  command->callback([options, &choice] { choice.run = [options] { return check(options->first, options->second); }; });
}

}  // namespace mecha::cli
