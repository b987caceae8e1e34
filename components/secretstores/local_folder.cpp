// Secrets of a folder with one file for each, as Kubernetes mounts a Secret and systemd hands over credentials. Files are
// read when a secret is asked for, so that a rotation shows. The type is ours.

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

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
constexpr int kAttempts = 10;  // of reading a folder that changes meanwhile

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
//
// A folder may be a mount of Kubernetes: its files are in a folder of their own, to which "..data" leads, and names lead through that.
// A rotation makes the next folder, lets "..data" lead to it, and deletes the old one; so the names come from where "..data" leads when
// reading begins, and what was read counts only if it leads there in the end.
class Folder {
 public:
  explicit Folder(const std::string& path) : path_(path) {}

  Result<void> open() {
    std::error_code error;
    root_ = fs::canonical(path_, error);
    if (error || !fs::is_directory(root_, error)) return fail(Code::not_found, "the folder " + path_ + " cannot be read");
    return {};
  }

  // The folder `name`; empty if that is nothing of the kind, or outside.
  std::optional<fs::path> folder(const std::string& name) const { return first_of(root_, name, &Folder::is_folder); }

  // The text of a file; empty if there is none.
  Result<std::optional<std::string>> text(const std::string& name) const {
    const auto real = first_of(root_, name, &Folder::is_file);
    if (!real) return std::optional<std::string>();
    return read(*real, name);
  }

  // All files right below a folder.
  Result<SecretMap> texts(const fs::path& below) const {
    return settled<SecretMap>(below, [&]() -> Result<SecretMap> {
      SecretMap out;
      std::size_t size = 0;
      for (const auto& place : places(below)) {
        MECHA_TRY(const auto names, names_in(place));
        for (const auto& name : names) {
          const auto real = out.contains(name) ? std::nullopt : find(place, name, &Folder::is_file);
          if (!real) continue;
          MECHA_TRY(auto text, read(*real, name));
          size += text.size();
          if (size > kAllMax) return too_much();
          out.emplace(name, std::move(text));
        }
      }
      return out;
    });
  }

  // The names of all folders.
  Result<std::set<std::string>> folders() const {
    std::set<std::string> out;
    for (const auto& place : places(root_)) {
      MECHA_TRY(const auto names, names_in(place));
      for (const auto& name : names) {
        if (find(place, name, &Folder::is_folder)) out.insert(name);
      }
    }
    return out;
  }

  // What `read` makes of a folder that is no other in the end.
  template <class T>
  Result<T> settled(const fs::path& below, const std::function<Result<T>()>& read) const {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const auto before = data(below);
      auto result = read();
      if (data(below) == before) return result;
    }
    return fail(Code::unavailable, "the folder " + path_ + " changes while it is read");
  }

  const fs::path& root() const { return root_; }
  std::unexpected<Error> too_much() const {
    return fail(Code::resource_exhausted, "the files of " + path_ + " have more than " + std::to_string(kAllMax) + " bytes");
  }

 private:
  using Kind = bool (*)(const fs::path&);
  static bool is_file(const fs::path& path) {
    std::error_code error;
    return fs::is_regular_file(path, error);
  }
  static bool is_folder(const fs::path& path) {
    std::error_code error;
    return fs::is_directory(path, error);
  }

  // Where "..data" of a mount leads; empty if the folder is none.
  static fs::path data(const fs::path& below) {
    std::error_code error;
    return fs::read_symlink(below / "..data", error);
  }

  // Where the files of a folder are, those of a mount first.
  static std::vector<fs::path> places(const fs::path& below) {
    std::vector<fs::path> out;
    if (const auto mount = data(below); !mount.empty() && is_folder(below / mount)) out.push_back(below / mount);
    out.push_back(below);
    return out;
  }

  std::optional<fs::path> first_of(const fs::path& below, const std::string& name, Kind kind) const {
    for (const auto& place : places(below)) {
      if (auto real = find(place, name, kind)) return real;
    }
    return std::nullopt;
  }

  // Where `name` leads; empty if that is not of the kind, or outside.
  std::optional<fs::path> find(const fs::path& place, const std::string& name, Kind kind) const {
    if (!is_name(name)) return std::nullopt;
    std::error_code error;
    auto real = fs::canonical(place / name, error);
    if (error) return std::nullopt;
    const auto inside = real.lexically_relative(root_);
    if (inside.empty() || *inside.begin() == ".." || !kind(real)) return std::nullopt;
    return real;
  }

  Result<std::vector<std::string>> names_in(const fs::path& place) const {
    std::vector<std::string> out;
    std::error_code error;
    for (auto at = fs::directory_iterator(place, error); !error && at != fs::directory_iterator(); at.increment(error)) {
      out.push_back(at->path().filename().string());
    }
    if (error) return fail(Code::unavailable, "the folder " + path_ + " cannot be read: " + error.message());
    return out;
  }

  static Result<std::string> read(const fs::path& real, const std::string& name) {
    MECHA_TRY(auto content, read_file(real.string(), kFileMax));
    // Answers are text in both faces; a repaired secret would be a wrong one that nobody sees.
    if (!text::is_utf8(content)) return fail(Code::failed_precondition, "secret " + name + " is not UTF-8 text");
    return content;
  }

  std::string path_;
  fs::path root_;
};

Result<SecretMap> read_secret(const Folder& folder, bool multi_valued, const std::string& name) {
  if (!multi_valued) {
    MECHA_TRY(auto text, folder.text(name));
    if (!text) return missing(name);
    return SecretMap{{name, *std::move(text)}};
  }
  const auto real = folder.folder(name);
  if (!real) return missing(name);
  return folder.texts(*real);
}

Result<SecretMaps> read_all(const Folder& folder, bool multi_valued) {
  SecretMaps all;
  if (!multi_valued) {
    MECHA_TRY(auto texts, folder.texts(folder.root()));
    for (auto& [name, text] : texts) all[name] = SecretMap{{name, std::move(text)}};
    return all;
  }
  std::size_t size = 0;
  MECHA_TRY(const auto names, folder.folders());
  for (const auto& name : names) {
    const auto real = folder.folder(name);
    if (!real) continue;
    MECHA_TRY(auto secret, folder.texts(*real));
    for (const auto& [_, text] : secret) size += text.size();
    if (size > kAllMax) return folder.too_much();
    all.emplace(name, std::move(secret));
  }
  return all;
}

// `read` of the folder as it is at one time.
template <class T, class... A>
Result<T> read_settled(const LocalFolderSettings& settings, Result<T> (*read)(const Folder&, bool, const A&...), const A&... arguments) {
  Folder folder(settings.folder);
  MECHA_TRY_VOID(folder.open());
  return folder.settled<T>(folder.root(), [&] { return read(folder, settings.multi_valued, arguments...); });
}

class LocalFolderStore final : public SecretStore {
 public:
  using Settings = LocalFolderSettings;
  static constexpr ComponentInfo info{
      "secretstores.local.folder", "v1", "Secrets of a folder, one file each, read when asked for; as Kubernetes mounts them. An addition of ours."
  };

  LocalFolderStore(Settings settings, const ComponentContext&) : settings_(std::move(settings)) {}

  // Blocks.
  static Result<void> check(const Settings& settings) { return Folder(settings.folder).open(); }

  Async<void> start() override {
    reader_.emplace("secrets-folder");
    std::function<Result<bool>()> look = [this]() -> Result<bool> {
      MECHA_TRY_VOID(check(settings_));
      return true;
    };
    MECHA_CO_TRY_VOID(co_await reader_->call<bool>(std::move(look)));
    co_return Result<void>{};
  }

  Async<std::optional<SecretMap>> get(std::string name, Metadata) override {
    std::function<Result<SecretMap>()> read = [this, name = std::move(name)] { return read_settled<SecretMap, std::string>(settings_, &read_secret, name); };
    MECHA_CO_TRY(auto secret, co_await reader_->call<SecretMap>(std::move(read)));
    co_return std::optional(std::move(secret));
  }

  Async<SecretMaps> bulk_get(Metadata) override {
    std::function<Result<SecretMaps>()> read = [this] { return read_settled<SecretMaps>(settings_, &read_all); };
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
