// What `mecha check` finds in resource files. It reads them with the loader of the daemon and asks the code that the daemon
// would run: what that refuses or drops is an error; what it takes without effect or otherwise than it looks, a warning.

#pragma once

#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "components/catalog.hpp"
#include "runtime/resources/resiliency_spec.hpp"
#include "runtime/resources/specs.hpp"
#include "runtime/resources/view.hpp"
#include "runtime/resources/yaml.hpp"

namespace mecha::cli {

struct Finding {
  Location place;
  bool error = true;
  std::string text, fix;
};

class Checker {
 public:
  Checker();

  // A file, or what a folder has of them; the daemon's loader does not look into folders below.
  void path(const std::string& path);
  // What only the whole of the files shows; once, after all paths.
  void whole();

  // In the order of files and lines.
  std::vector<Finding> findings();
  int files() const { return files_; }
  std::size_t components() const { return components_.size(); }

 private:
  // A resource with its tree, which knows the lines.
  template <class T>
  struct Read {
    T spec;
    const yaml::Node* root;
  };
  struct Document {
    const yaml::Node& root;
    std::string file;
    Location at;
    bool first = false;  // of its file
  };
  using Path = std::vector<std::string_view>;

  void error(Location at, std::string text, std::string fix = {});
  void warn(Location at, std::string text, std::string fix = {});
  // "line 3: what" stands at line 3.
  void add_numbered(const Location& at, const std::string& text, const std::string& fix = {});
  static Location at(const Location& base, const yaml::Node& root, const Path& path);

  void folder(const std::string& path);
  void file(const std::string& path);
  void document(const Document& document, const std::string& text);
  void run_template(const std::string& path, const std::string& text);
  void kind(const Document& document, View& doc, const std::string& version);
  void name(const Document& document, const std::string& kind, const std::string& name);

  void component(const ComponentSpec& spec, const yaml::Node& root);
  void settings(const ComponentSpec& spec, const yaml::Node& root, const Catalog::Entry& entry);
  void unknown_type(const ComponentSpec& spec, const yaml::Node& root, const Error& why);
  void direction(const ComponentSpec& spec);
  void item(const ComponentSpec& spec, const NameValue& item, std::string_view of);
  ComponentSpec as_started(ComponentSpec spec);
  void secret_without_store(const Location& at, const std::string& what, const std::optional<SecretRef>& secret, const std::string& store);

  void subscription(const SubscriptionSpec& spec, const yaml::Node& root, bool with_routes);
  void endpoint(const HttpEndpointSpec& spec, const yaml::Node& root);
  void resiliency(const Document& document, const ResiliencySpec& spec);
  void configuration(const Document& document);
  void access(const Read<ConfigurationSpec>& read, const Location& at);
  void values(const Read<ConfigurationSpec>& read, const Location& at);

  void whole_names();
  void whole_references();
  void whole_resiliency();
  void whole_pipelines();
  void handler(const Location& where, const HandlerSpec& spec);
  void refer(const Location& at, const std::string& name, std::string_view category, const std::string& what);

  Catalog catalog_;
  std::deque<yaml::Node> roots_;
  std::vector<Read<ComponentSpec>> components_;
  std::vector<Read<SubscriptionSpec>> subscriptions_;
  std::vector<Read<HttpEndpointSpec>> endpoints_;
  std::vector<Read<ResiliencySpec>> resiliencies_;
  std::vector<std::pair<Read<ConfigurationSpec>, Location>> configurations_;
  std::vector<Finding> findings_;
  int files_ = 0;
};

// The node at the end of a path; null where a part of it is not there.
const yaml::Node* below(const yaml::Node* node, std::initializer_list<std::string_view> path);

// "did you mean x?", or nothing.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& names);

}  // namespace mecha::cli
