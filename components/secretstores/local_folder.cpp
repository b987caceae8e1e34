// Secrets of a folder with one file for each, as Kubernetes mounts a Secret and systemd hands over credentials. Files are
// read when a secret is asked for, so that a rotation shows. The type is ours.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "components/catalog.hpp"
#include "components/secretstores/secret_store.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"

namespace mecha::secrets {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFileMax = 1 << 20;  // what Kubernetes allows a whole Secret
constexpr std::size_t kAllMax = 32 << 20;

struct LocalFolderSettings {
  std::string folder;
  bool multi_valued = false;

  static constexpr auto fields() {
    using S = LocalFolderSettings;
    return std::tuple{
        field("folder", &S::folder, "Folder of the files, relative to the working directory.").required(),
        field(
            "multiValued", &S::multi_valued, "Folders in it are the secrets, their files the entries; else each file is a secret."
        ),
    };
  }
};

// Kubernetes keeps what the names point to in "..data" and the like.
bool is_name(std::string_view name) {
  return !name.empty() && name != "." && !name.starts_with("..") && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

std::unexpected<Error> missing(const std::string& name) { return fail(Code::not_found, "secret " + name + " not found"); }

// The files below a folder that nothing leaves, not even links. Blocks.
class Folder {
 public:
  explicit Folder(const std::string& path) : path_(path) {}

  Result<void> open() {
    std::error_code error;
    root_ = fs::canonical(path_, error);
    if (error || !fs::is_directory(root_, error)) return fail(Code::not_found, "the folder " + path_ + " cannot be read");
    return {};
  }

  // Where `name` leads; empty if that is nothing, or outside.
  std::optional<fs::path> find(const fs::path& below, const std::string& name) const {
    if (!is_name(name)) return std::nullopt;
    std::error_code error;
    auto real = fs::canonical(below / name, error);
    if (error) return std::nullopt;
    const auto inside = real.lexically_relative(root_);
    if (inside.empty() || *inside.begin() == "..") return std::nullopt;
    return real;
  }

  // The text of a file; empty if there is none.
  Result<std::optional<std::string>> text(const fs::path& below, const std::string& name) const {
    const auto real = find(below, name);
    std::error_code error;
    if (!real || !fs::is_regular_file(*real, error)) return std::optional<std::string>();
    MECHA_TRY(auto content, read_file(real->string(), kFileMax));
    // Answers are text in both faces; a repaired secret would be a wrong one that nobody sees.
    if (!text::is_utf8(content)) return fail(Code::failed_precondition, "secret " + name + " is not UTF-8 text");
    return std::optional(std::move(content));
  }

  // All files right below a folder.
  Result<SecretMap> texts(const fs::path& below) const {
    SecretMap out;
    std::size_t size = 0;
    std::error_code error;
    for (auto at = fs::directory_iterator(below, error); !error && at != fs::directory_iterator(); at.increment(error)) {
      const auto name = at->path().filename().string();
      MECHA_TRY(auto found, text(below, name));
      if (!found) continue;
      size += found->size();
      if (size > kAllMax) return too_much();
      out.emplace(name, *std::move(found));
    }
    if (error) return fail(Code::unavailable, "the folder " + path_ + " cannot be read: " + error.message());
    return out;
  }

  const fs::path& root() const { return root_; }
  std::unexpected<Error> too_much() const {
    return fail(Code::resource_exhausted, "the files of " + path_ + " have more than " + std::to_string(kAllMax) + " bytes");
  }

 private:
  std::string path_;
  fs::path root_;
};

Result<SecretMap> read_secret(const LocalFolderSettings& settings, const std::string& name) {
  Folder folder(settings.folder);
  MECHA_TRY_VOID(folder.open());
  if (!settings.multi_valued) {
    MECHA_TRY(auto text, folder.text(folder.root(), name));
    if (!text) return missing(name);
    return SecretMap{{name, *std::move(text)}};
  }
  const auto real = folder.find(folder.root(), name);
  std::error_code error;
  if (!real || !fs::is_directory(*real, error)) return missing(name);
  return folder.texts(*real);
}

Result<SecretMaps> read_all(const LocalFolderSettings& settings) {
  Folder folder(settings.folder);
  MECHA_TRY_VOID(folder.open());
  SecretMaps all;
  if (!settings.multi_valued) {
    MECHA_TRY(auto texts, folder.texts(folder.root()));
    for (auto& [name, text] : texts) all[name] = SecretMap{{name, std::move(text)}};
    return all;
  }
  std::size_t size = 0;
  std::error_code error;
  for (auto at = fs::directory_iterator(folder.root(), error); !error && at != fs::directory_iterator(); at.increment(error)) {
    const auto name = at->path().filename().string();
    const auto real = folder.find(folder.root(), name);
    std::error_code ignored;
    if (!real || !fs::is_directory(*real, ignored)) continue;
    MECHA_TRY(auto secret, folder.texts(*real));
    for (const auto& [_, text] : secret) size += text.size();
    if (size > kAllMax) return folder.too_much();
    all.emplace(name, std::move(secret));
  }
  if (error) return fail(Code::unavailable, "the folder " + settings.folder + " cannot be read: " + error.message());
  return all;
}

class LocalFolderStore final : public SecretStore {
 public:
  using Settings = LocalFolderSettings;
  static constexpr ComponentInfo info{
      "secretstores.local.folder", "v1", "Secrets of a folder, one file each, read when asked for; as Kubernetes mounts them. An addition of ours."
  };

  LocalFolderStore(Settings settings, const ComponentContext&) : settings_(std::move(settings)) {}

  Async<void> start() override {
    reader_.emplace("secrets-folder");
    std::function<Result<bool>()> look = [this]() -> Result<bool> {
      MECHA_TRY_VOID(Folder(settings_.folder).open());
      return true;
    };
    MECHA_CO_TRY_VOID(co_await reader_->call<bool>(std::move(look)));
    co_return Result<void>{};
  }

  Async<std::optional<SecretMap>> get(std::string name, Metadata) override {
    std::function<Result<SecretMap>()> read = [this, name = std::move(name)] { return read_secret(settings_, name); };
    MECHA_CO_TRY(auto secret, co_await reader_->call<SecretMap>(std::move(read)));
    co_return std::optional(std::move(secret));
  }

  Async<SecretMaps> bulk_get(Metadata) override {
    std::function<Result<SecretMaps>()> read = [this] { return read_all(settings_); };
    co_return co_await reader_->call<SecretMaps>(std::move(read));
  }

  std::vector<std::string> features() const override {
    if (settings_.multi_valued) return {std::string(kMultipleKeyValues)};
    return {};
  }

 private:
  Settings settings_;
  std::optional<Bridge> reader_;  // last: it ends first
};

}  // namespace

void register_local_folder(Catalog& catalog) { catalog.add<LocalFolderStore>(); }

}  // namespace mecha::secrets
