// Keys of files below a folder, each read at every use, so that a changed key counts at once.

#include <cerrno>
#include <filesystem>
#include <functional>
#include <utility>

#include <sys/stat.h>

#include "components/catalog.hpp"
#include "components/crypto/local_provider.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"

namespace mecha::crypto {
namespace {

struct LocalStorageSettings {
  std::string path;

  static constexpr std::string_view failure_context = "failed to load metadata";
  static constexpr auto fields() {
    using S = LocalStorageSettings;
    return std::tuple{
        field("path", &S::path, "Folder of the key files; relative to the working directory.")
            .required("metadata property 'path' is required"),
    };
  }
};

// More is no key.
constexpr std::size_t kKeyFileBytesMax = 1 << 20;

KeyForm form_of(const std::string& path) {
  const auto extension = text::lower(std::filesystem::path(path).extension().string());
  if (extension == ".json") return KeyForm::jwk;
  return extension == ".pem" ? KeyForm::pem : KeyForm::guess;
}

Result<bool> check_folder(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return fail(Code::not_found, "could not stat path '" + path + "': stat " + path + ": " + system_message(errno));
  }
  if (!S_ISDIR(status.st_mode)) return fail(Code::invalid_argument, "path '" + path + "' is not a directory");
  return true;
}

class LocalStorage final : public LocalProvider {
 public:
  using Settings = LocalStorageSettings;
  static constexpr ComponentInfo info{"crypto.dapr.localstorage", "v1", "Keys of files below a folder, read at every use."};

  LocalStorage(Settings settings, const ComponentContext&) : settings_(std::move(settings)), bridge_("crypto-keys") {}

  static Result<bool> check(const Settings& settings) {
    auto checked = check_folder(settings.path);
    if (checked) return checked;
    return fail(std::move(checked).error().context("failed to load metadata"));
  }

  Async<void> start() override {
    std::function<Result<bool>()> job = [settings = settings_] { return check(settings); };
    MECHA_CO_TRY_VOID(co_await bridge_.call<bool>(std::move(job)));
    co_return Result<void>{};
  }

 private:
  Async<Key> load(std::string name) override {
    if (name.find("..") != std::string::npos) co_return fail(Code::invalid_argument, "invalid key path: cannot contain '..'");
    auto path = text::clean_path(settings_.path + "/" + name);
    std::function<Result<std::string>()> read = [path] { return read_file(path, kKeyFileBytesMax); };
    const auto bytes = co_await bridge_.call<std::string>(std::move(read));
    if (!bytes) co_return fail(Error(bytes.error()).context("failed to load key '" + name + "'"));
    auto key = parse_key(*bytes, form_of(path));
    if (!key) co_return fail(std::move(key).error().context("failed to parse key from secret"));
    if (key->id.empty()) key->id = name;
    co_return std::move(key);
  }

  Settings settings_;
  Bridge bridge_;
};

}  // namespace

void register_dapr_localstorage(Catalog& catalog) { catalog.add<LocalStorage>(); }

}  // namespace mecha::crypto
