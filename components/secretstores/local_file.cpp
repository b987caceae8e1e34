// Secrets of a JSON file, read once at start. For development: the file is not encrypted.

#include <string>
#include <utility>

#include "components/catalog.hpp"
#include "components/secretstores/secret_store.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/json_read.hpp"

namespace mecha::secrets {
namespace {

struct LocalFileSettings {
  std::string file;
  std::string separator = ":";
  bool multi_valued = false;

  static constexpr auto fields() {
    using S = LocalFileSettings;
    return std::tuple{
        field("secretsFile", &S::file, "JSON file, relative to the working directory.")
            .required("missing local secrets file in metadata"),
        field("nestedSeparator", &S::separator, "Joins the names of nested members; empty is a colon."),
        field("multiValued", &S::multi_valued, "Top-level objects are secrets with several entries."),
    };
  }
};

std::string leaf_text(const json::Value& value) {
  if (value.is_string()) return value.as_string();
  return value.is_null() ? std::string() : json::write(value, json::Dialect::number_text);
}

// Adds the leaves below `value`; what comes first keeps a name that two have.
void flatten(const std::string& path, const json::Value& value, const std::string& separator, SecretMap& out) {
  const auto inner = [&](const std::string& name) { return path.empty() ? name : path + separator + name; };
  if (value.is_object()) {
    for (const auto& [name, member] : value.as_object()) flatten(inner(name), member, separator, out);
  } else if (value.is_array()) {
    std::size_t index = 0;
    for (const auto& item : value.as_array()) flatten(inner(std::to_string(index++)), item, separator, out);
  } else {
    out.try_emplace(path, leaf_text(value));
  }
}

Result<json::Value> read_json(const std::string& file) {
  MECHA_TRY(const auto text, read_file(file));
  MECHA_TRY(auto value, json::parse(text, true));
  if (value.is_object()) return value;
  if (value.is_null()) return json::Value(json::Object{});
  return json::mismatch(value, {}, "map[string]interface {}");
}

class LocalFileStore final : public SecretStore {
 public:
  using Settings = LocalFileSettings;
  static constexpr ComponentInfo info{"secretstores.local.file", "v1", "Secrets of a JSON file, read at start."};

  LocalFileStore(Settings settings, const ComponentContext&) : settings_(std::move(settings)) {
    if (settings_.separator.empty()) settings_.separator = ":";
  }

  static Result<json::Value> check(const Settings& settings) { return read_json(settings.file); }

  Async<void> start() override {
    Bridge bridge("secrets-file");
    std::function<Result<json::Value>()> read = [settings = settings_] { return check(settings); };
    auto value = co_await bridge.call<json::Value>(std::move(read));
    if (!value) co_return fail(std::move(value).error());
    settings_.multi_valued ? keep_objects(*value) : keep_leaves(*value);
    co_return Result<void>{};
  }

  Async<std::optional<SecretMap>> get(std::string name, Metadata) override {
    const auto found = secrets_.find(name);
    if (found == secrets_.end()) co_return fail(Code::not_found, "secret " + name + " not found");
    co_return found->second;
  }

  Async<SecretMaps> bulk_get(Metadata) override { co_return secrets_; }

  std::vector<std::string> features() const override {
    if (settings_.multi_valued) return {std::string(kMultipleKeyValues)};
    return {};
  }

 private:
  void keep_leaves(const json::Value& root) {
    SecretMap flat;
    flatten({}, root, settings_.separator, flat);
    for (auto& [name, value] : flat) secrets_[name] = SecretMap{{name, value}};
  }

  void keep_objects(const json::Value& root) {
    for (const auto& [name, value] : root.as_object()) {
      if (value.is_string()) secrets_[name] = SecretMap{{name, value.as_string()}};
      if (value.is_object()) flatten({}, value, settings_.separator, secrets_[name]);
    }
  }

  Settings settings_;
  SecretMaps secrets_;  // not changed after start()
};

}  // namespace

void register_local_file(Catalog& catalog) { catalog.add<LocalFileStore>(); }

}  // namespace mecha::secrets
