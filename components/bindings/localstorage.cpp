// Output binding on files below a folder (contract 03, 5.6). All file work is done on one thread,
// in order.

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "components/bindings/binding.hpp"
#include "components/bindings/rooted_path.hpp"
#include "components/catalog.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

namespace fs = std::filesystem;

struct LocalStorageSettings {
  std::string root;

  static constexpr auto fields() {
    using S = LocalStorageSettings;
    return std::tuple{
        field("rootPath", &S::root, "Folder of the files; made if it is not there.")
            .required("failed to parse metadata: property rootPath must not be empty"),
    };
  }
};

// "error reading file <path>: read <path>: is a directory": what was done, the call that failed, and why.
std::unexpected<Error> system_failure(std::string_view doing, std::string_view call, const fs::path& path, int error) {
  auto why = std::generic_category().message(error);
  if (!why.empty()) why.front() = text::lower(why.substr(0, 1)).front();
  const auto where = " " + path.string() + ": ";
  return fail(
      error == ENOENT ? Code::not_found : Code::unknown, "error " + std::string(doing) + where + std::string(call) + where + why
  );
}

class File {
 public:
  File(const fs::path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

Result<std::string> read_file(const fs::path& path) {
  // Not blocking: a pipe without a writer would hold the thread.
  const File file(path, O_RDONLY | O_NONBLOCK);
  if (file.fd() < 0 && errno == ENOENT) return fail(Code::not_found, "file not found: " + path.string());
  if (file.fd() < 0) return system_failure("opening path", "open", path, errno);
  struct stat facts{};
  if (::fstat(file.fd(), &facts) != 0) return system_failure("reading file", "stat", path, errno);
  if (S_ISDIR(facts.st_mode)) return system_failure("reading file", "read", path, EISDIR);
  if (!S_ISREG(facts.st_mode))
    return fail(Code::invalid_argument, "read " + path.string() + ": not a regular file");
  std::string data(static_cast<std::size_t>(facts.st_size), '\0');
  std::size_t have = 0;
  while (have < data.size()) {
    const auto got = ::read(file.fd(), data.data() + have, data.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_failure("reading file", "read", path, errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  data.resize(have);
  return data;
}

Result<void> write_file(const fs::path& path, std::string_view data) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return system_failure("creating directory", "mkdir", path.parent_path(), error.value());
  const File file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK);
  if (file.fd() < 0) return system_failure("creating file", "open", path, errno);
  while (!data.empty()) {
    const auto put = ::write(file.fd(), data.data(), data.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_failure("writing to file", "write", path, errno);
    data.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

// Files below a folder in the order of their names; links are named, not followed.
Result<void> add_files(const fs::path& path, json::Array& files) {
  std::error_code error;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    entries.push_back(*it);
  if (error) return system_failure("listing files in the directory", "open", path, error.value());
  std::ranges::sort(entries, {}, [](const auto& entry) { return entry.path().native(); });
  for (const auto& entry : entries) {
    if (fs::is_directory(entry.symlink_status(error))) {
      MECHA_TRY_VOID(add_files(entry.path(), files));
    } else {
      files.emplace_back(entry.path().string());
    }
  }
  return {};
}

// Quotes of a JSON string go; what is then base64 is decoded.
std::string stored_form(std::string data) {
  if (data.size() >= 2 && data.front() == '"' && data.back() == '"') {
    if (const auto text = json::parse(data, true); text && text->is_string())
      data = text->as_string();
  }
  auto decoded = text::from_base64(data);
  return decoded ? *std::move(decoded) : std::move(data);
}

Result<InvokeOutcome> create(const fs::path& root, std::string name, std::string data) {
  if (name.empty()) name = text::uuid();
  MECHA_TRY(const auto path, below_root(root, name));
  if (path.relative.empty())
    return fail(Code::invalid_argument, "fileName " + name + " is the root itself");
  MECHA_TRY_VOID(write_file(path.full, stored_form(std::move(data))));
  std::string text = R"({"fileName":)";
  json::write_string(text, path.relative);
  return answer(text + "}");
}

Result<InvokeOutcome> list(const fs::path& root, const std::string& name) {
  MECHA_TRY(const auto path, below_root(root, name));
  struct stat facts{};
  if (::stat(path.full.c_str(), &facts) != 0) return system_failure("getting stats for path", "stat", path.full, errno);
  if (!S_ISDIR(facts.st_mode)) {
    return fail(
        Code::invalid_argument, "unable to list files as the file specified is not a directory: " + path.full.string()
    );
  }
  json::Array files;
  MECHA_TRY_VOID(add_files(path.full, files));
  return answer(files.empty() ? std::string("null") : json::write(json::Value(std::move(files))));
}

Result<InvokeOutcome> remove_file(const fs::path& path) {
  std::error_code error;
  const bool there = fs::remove(path, error);
  if (error) return system_failure("deleting file", "remove", path, error.value());
  if (!there) return system_failure("deleting file", "remove", path, ENOENT);
  return no_answer();
}

Result<InvokeOutcome> perform(const fs::path& root, InvokeRequest request) {
  const auto it = request.metadata.find("fileName");
  const std::string name = it == request.metadata.end() ? std::string() : it->second;
  if (request.operation == "create") return create(root, name, std::move(request.data));
  if (request.operation == "list") return list(root, name);
  MECHA_TRY(const auto path, below_root(root, name));
  if (path.relative.empty())
    return fail(Code::invalid_argument, "fileName is missing in the request metadata");
  if (request.operation == "delete") return remove_file(path.full);
  MECHA_TRY(auto data, read_file(path.full));
  return answer(std::move(data));
}

class LocalStorage final : public Binding, public OutputBinding {
 public:
  using Settings = LocalStorageSettings;
  static constexpr ComponentInfo info{"bindings.localstorage", "v1", "Files below a folder."};

  LocalStorage(Settings settings, const ComponentContext&) : settings_(std::move(settings)) {}

  OutputBinding* output() override { return this; }
  std::vector<std::string> operations() const override {
    return {"create", "get", "list", "delete"};
  }

  static Result<fs::path> check(const Settings& settings) { return checked_root(settings.root); }

  Async<void> start() override {
    bridge_ = std::make_unique<Bridge>("localstorage");
    std::function<Result<fs::path>()> prepare = [text = settings_.root]() -> Result<fs::path> {
      MECHA_TRY(auto root, checked_root(text));
      std::error_code error;
      fs::create_directories(root, error);
      if (!error) return root;
      return fail(
          Code::invalid_argument,
          "unable to create directory specified by 'rootPath': " + root.string() + ": " +
              error.message()
      );
    };
    MECHA_CO_TRY(root_, co_await bridge_->call<fs::path>(std::move(prepare)));
    co_return Result<void>{};
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    std::function<Result<InvokeOutcome>()> job = [root = root_,
                                                  request = std::move(request)]() mutable {
      return perform(root, std::move(request));
    };
    auto outcome = co_await bridge_->call<InvokeOutcome>(std::move(job));
    co_return outcome ? *std::move(outcome) : failure(std::move(outcome).error());
  }

 private:
  Settings settings_;
  fs::path root_;  // set by start()
  std::unique_ptr<Bridge> bridge_;
};

}  // namespace

void register_localstorage(Catalog& catalog) { catalog.add<LocalStorage>(); }

}  // namespace mecha::bindings
