#include "cli/console.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/output.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {

std::string prefix_of(std::string_view kind, std::string_view app_id) {
  return "== " + text::upper(kind == "sidecar" ? "dapr" : kind) + " - " + std::string(app_id) + " == ";
}

std::string json_line(std::string_view kind, std::string_view app_id, std::string_view line) {
  return json::write(json::Value(json::Object{{"app", app_id}, {"source", kind}, {"line", text::sanitize_utf8(line)}}), json::Dialect::fast);
}

Result<std::unique_ptr<LogFile>> LogFile::open(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  auto* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) return fail(Code::permission_denied, "the log file " + path + " cannot be written: " + std::strerror(errno));
  return std::unique_ptr<LogFile>(new LogFile(file));
}

LogFile::~LogFile() { std::fclose(file_); }

void LogFile::put(std::string_view line) {
  std::fwrite(line.data(), 1, line.size(), file_);
  std::fputc('\n', file_);
  std::fflush(file_);
}

void Console::put(std::string_view kind, std::string_view app_id, int colour, std::string_view line) {
  write(json_ ? json_line(kind, app_id, line) : paint(colour, prefix_of(kind, app_id)) + std::string(line));
}

void Console::say(std::string_view event, std::string_view app_id, const std::string& text) {
  if (!json_) return write(text);
  const auto [what, advice] = cut_remedy(text);
  json::Object line{{"event", event}, {"app", app_id}, {"text", what}};
  if (event == "failed") line["error"] = what;
  if (!advice.empty()) line["remedy"] = advice;
  write(json::write(json::Value(std::move(line)), json::Dialect::fast));
}

void Console::write(const std::string& line) {
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

int colour_of(std::size_t n) {
  static constexpr std::array kColours = {36, 33, 35, 32, 34, 96};
  return kColours[n % kColours.size()];
}

}  // namespace mecha::cli
