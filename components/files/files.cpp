#include "components/files/files.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "runtime/async/bridge.hpp"
#include "runtime/base/file.hpp"

namespace mecha::files {

Result<std::string> read_folder(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (!entry.is_directory()) names.push_back(entry.path().string());
  }
  if (error) return fail(Code::not_found, "open " + path + ": " + system_message(error.value()));
  std::ranges::sort(names);
  std::string all;
  for (const auto& name : names) {
    MECHA_TRY(const auto text, read_file(name));
    all += text + "\n";
  }
  return all;
}

Async<std::string> read_file_aside(std::string path) {
  Bridge bridge("files");
  std::function<Result<std::string>()> read = [path = std::move(path)] { return read_file(path); };
  auto text = co_await bridge.call<std::string>(std::move(read));
  co_return std::move(text);
}

}  // namespace mecha::files
