#include "cli/dev_resources.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "runtime/base/file.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/loader.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMade = "# Made by `mecha dev`";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A file: URI; what the driver would read as its own is escaped. A laptop that loses its power may lose the last moment.
std::string connection(const std::string& path) {
  auto escaped = text::replace_all(path, "%", "%25");
  escaped = text::replace_all(escaped, "?", "%3f");
  return "file:" + text::replace_all(escaped, "#", "%23") + "?_pragma=synchronous(1)";
}

Error cannot(const std::string& what, const std::string& path) {
  return {.code = Code::failed_precondition, .message = what + " " + path + ": " + std::strerror(errno) + "\n  remedy: make the folder writable, or start from another one"};
}

Result<void> make_folder(const std::string& path, bool secret) {
  std::error_code error;
  const bool made = fs::create_directories(path, error);
  if (error) {
    errno = error.value();
    return fail(cannot("cannot make the folder", path));
  }
  if (made && secret) fs::permissions(path, fs::perms::owner_all, error);
  return {};
}

// Whole or not at all: a sidecar may be looking.
Result<void> write_file(const fs::path& path, const std::string& text, mode_t mode) {
  const auto draft = path.string() + "." + std::to_string(::getpid());
  {
    std::ofstream file(draft, std::ios::binary | std::ios::trunc);
    ::chmod(draft.c_str(), mode);
    file << text;
    file.flush();
    if (!file) return fail(cannot("cannot write", draft));
  }
  std::error_code error;
  fs::rename(draft, path, error);
  if (!error) return {};
  errno = error.value();
  return fail(cannot("cannot write", path.string()));
}

std::vector<fs::path> yaml_files(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (loading::is_resource_file(entry.path())) files.push_back(entry.path());
  }
  return files;
}

// Files of ours in `folder` for which there is no component any more.
std::vector<fs::path> left_over(const std::string& folder, const std::vector<DevComponent>& components) {
  auto files = yaml_files(folder);
  std::erase_if(files, [&components](const fs::path& path) {
    const bool wanted = std::ranges::any_of(components, [&path](const DevComponent& c) { return path.filename() == c.name + ".yaml"; });
    return wanted || !read_file(path.string()).value_or("").starts_with(kMade);
  });
  return files;
}

}  // namespace

std::string temporary_folder() {
  const auto set = variable("TMPDIR");
  return set.empty() ? "/tmp" : set;
}

std::string dev_data_folder() {
  auto base = variable("XDG_DATA_HOME");
  if (base.empty()) base = variable("HOME").empty() ? temporary_folder() : variable("HOME") + "/.local/share";
  return base + "/mecha/dev";
}

std::string id_of_folder(const std::string& folder) {
  auto path = fs::absolute(folder).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  std::string id;
  for (const unsigned char c : path.filename().string()) {
    const bool plain = c < 0x80 && (std::isalnum(c) != 0 || c == '-' || c == '_');
    if (plain) id += static_cast<char>(c);
    else if (!id.empty() && id.back() != '-') id += '-';
  }
  while (id.ends_with('-')) id.pop_back();
  return id.empty() ? "app" : id;
}

std::vector<DevComponent> dev_components(const DevPlaces& places) {
  const auto state = places.data + "/state.db", messages = places.data + "/messages.db", locks = places.data + "/locks.db";
  const auto secrets = places.app + "/.mecha/secrets.json", items = places.app + "/.mecha/configuration.json";
  return {
      {"statestore", "state.sqlite", {{"connectionString", connection(state)}, {"actorStateStore", "true"}}, state, "keys of each application apart", "state.redis", "redisHost"},
      {"pubsub", "pubsub.sqlite", {{"connectionString", connection(messages)}}, messages, "shared by all applications of this host", "pubsub.redis", "redisHost"},
      {"lockstore", "lock.sqlite", {{"connectionString", connection(locks)}}, locks, "keys of each application apart", "lock.redis", "redisHost"},
      {"secretstore", "secretstores.local.file", {{"secretsFile", secrets}}, secrets, "JSON, {\"name\": \"value\"}", "secretstores.hashicorp.vault", "vaultAddr"},
      {"configstore", "configuration.local.file", {{"configurationFile", items}}, items, "JSON, {\"name\": \"value\"}; changes are told", "configuration.redis", "redisHost"},
      {"envstore", "secretstores.local.env", {}, "", "variables of the environment", "secretstores.hashicorp.vault", "vaultAddr"},
  };
}

std::vector<std::string> own_resources(const std::string& app) {
  std::vector<std::string> folders;
  for (const auto* name : {"resources", "components", ".dapr/resources"}) {
    const auto folder = fs::path(app) / name;
    if (!yaml_files(folder).empty()) folders.push_back(folder.string());
  }
  return folders;
}

void drop_own(std::vector<DevComponent>& all, const std::vector<std::string>& folders, const std::string& app_id) {
  if (folders.empty()) return;
  const auto loaded = load_resources({.directories = folders, .app_id = app_id, .name_space = variable("NAMESPACE")});
  if (!loaded) return;
  std::erase_if(all, [&loaded](const DevComponent& ours) {
    return std::ranges::any_of(loaded->components, [&ours](const ComponentSpec& own) {
      return own.name == ours.name || text::equals_nocase(own.category(), ours.category());
    });
  });
}

std::string to_manifest(const DevComponent& component) {
  const auto quoted = [](const std::string& text) { return json::write(json::Value(text), json::Dialect::fast); };
  std::string text(kMade);
  text += "; `mecha dev --write DIR` makes it a file of yours.\n# To use a real backend, change type and metadata, for instance to\n#   type: " + component.other +
          "\n#   metadata: [{name: " + component.other_item + ", value: ...}]\n# `mecha components " + component.category() + "` lists the types, `mecha describe " +
          component.other + "` the settings. The application stays as it is.\n";
  text += "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " + component.name + "\nspec:\n  type: " + component.type + "\n  version: v1\n";
  if (!component.metadata.empty()) text += "  metadata:\n";
  for (const auto& [name, value] : component.metadata) text += "  - name: " + name + "\n    value: " + quoted(value) + "\n";
  return text;
}

bool holds(const std::string& folder, const std::vector<DevComponent>& components) {
  const auto same = [&folder](const DevComponent& c) { return read_file((fs::path(folder) / (c.name + ".yaml")).string()) == to_manifest(c); };
  return std::ranges::all_of(components, same) && left_over(folder, components).empty();
}

Result<void> write_manifests(const std::string& folder, const std::vector<DevComponent>& components, bool fresh) {
  MECHA_TRY_VOID(make_folder(folder, false));
  for (const auto& component : components) {
    const auto path = fs::path(folder) / (component.name + ".yaml");
    if (fresh && fs::exists(path)) {
      return fail(Code::already_exists, path.string() + " is there already and is left as it is\n  remedy: name another folder, or move the file away");
    }
  }
  for (const auto& component : components) {
    const auto path = fs::path(folder) / (component.name + ".yaml");
    const auto text = to_manifest(component);
    if (read_file(path.string()) == text) continue;
    MECHA_TRY_VOID(write_file(path, text, 0644));
  }
  if (fresh) return {};
  std::error_code error;
  for (const auto& path : left_over(folder, components)) fs::remove(path, error);
  return {};
}

Result<void> make_dev_folders(const DevPlaces& places) {
  const auto own = places.app + "/.mecha";
  MECHA_TRY_VOID(make_folder(own, true));
  MECHA_TRY_VOID(make_folder(places.data, true));
  if (!fs::exists(own + "/.gitignore")) {
    MECHA_TRY_VOID(write_file(own + "/.gitignore", "*\n", 0644));
  }
  if (!fs::exists(own + "/configuration.json")) {
    MECHA_TRY_VOID(write_file(own + "/configuration.json", "{}\n", 0644));
  }
  return fs::exists(own + "/secrets.json") ? Result<void>() : write_file(own + "/secrets.json", "{}\n", 0600);
}

}  // namespace mecha::cli
