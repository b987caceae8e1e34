// Lines of several processes on one terminal and in their files: whole lines, each with its prefix and colour.

#pragma once

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::cli {

// Cuts a stream of bytes into lines. A line that is longer than 64 KiB comes in pieces.
class LineCutter {
 public:
  static constexpr std::size_t kLongest = 65536;
  // Calls `take(line)` for each whole line, without its end.
  template <class Take>
  void add(std::string_view bytes, Take take) {
    rest_ += bytes;
    std::size_t at = 0;
    for (;;) {
      const auto end = rest_.find('\n', at);
      const auto size = (end == std::string::npos ? rest_.size() : end) - at;
      if (end == std::string::npos && size < kLongest) break;
      const auto piece = std::min(size, kLongest);
      auto line = std::string_view(rest_).substr(at, piece);
      if (line.ends_with('\r')) line.remove_suffix(1);
      take(line);
      at += piece == size && end != std::string::npos ? size + 1 : piece;
    }
    rest_.erase(0, at);
  }
  // What is left at the end of the stream.
  template <class Take>
  void finish(Take take) {
    if (!rest_.empty()) take(std::string_view(rest_));
    rest_.clear();
  }

 private:
  std::string rest_;
};

// "== APP - orders == ", "== DAPR - orders == ".
std::string prefix_of(std::string_view kind, std::string_view app_id);
// One line as JSON: {"app":…,"source":"app"|"sidecar","line":…}.
std::string json_line(std::string_view kind, std::string_view app_id, std::string_view line);

// A file that lines are appended to; its folders are made.
class LogFile {
 public:
  static Result<std::unique_ptr<LogFile>> open(const std::string& path);
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  void put(std::string_view line);

 private:
  explicit LogFile(std::FILE* file) : file_(file) {}
  std::FILE* file_;
};

// Standard output for whole lines.
class Console {
 public:
  explicit Console(bool as_json) : json_(as_json) {}
  // A line of a process. `colour`: of the prefix.
  void put(std::string_view kind, std::string_view app_id, int colour, std::string_view line);
  // A line as it is.
  void pass(std::string_view line) { write(std::string(line)); }
  // A line of our own.
  void say(std::string_view event, std::string_view app_id, const std::string& text);
  bool as_json() const { return json_; }

 private:
  void write(const std::string& line);
  bool json_;
};

// A colour for the n-th application; they differ for the first six.
int colour_of(std::size_t n);

}  // namespace mecha::cli
