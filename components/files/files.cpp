#include "components/files/files.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "runtime/async/bridge.hpp"
#include "runtime/base/text.hpp"

namespace mecha::files {
namespace {

std::unexpected<Error> cannot_open(const std::string& path, int error) {
  auto why = std::generic_category().message(error);
  if (!why.empty()) why[0] = text::lower(why.substr(0, 1))[0];
  return fail(Code::not_found, "open " + path + ": " + why);
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return fail(Code::invalid_argument, "read " + path + ": is a directory");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) return cannot_open(path, errno);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

Result<std::string> read_folder(const std::string& path) {
  std::error_code error;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (!entry.is_directory()) names.push_back(entry.path().string());
  }
  if (error) return cannot_open(path, error.value());
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
