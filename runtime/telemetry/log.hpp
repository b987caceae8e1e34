// Log: a constant event text plus fields, one line each, in the format of contract 06, section 2.7
// (text or JSON).
//
// A Log is a cheap handle (copy it); the sink behind it is thread safe and writes whole lines. Log
// an error once, at the edge, never where it is made. No secrets, no payloads.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha {

enum class Level : std::uint8_t { debug, info, warning, error, fatal };

struct LogField {
  std::string_view name;
  std::variant<std::string_view, std::int64_t, bool> value;
  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  LogField(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  LogField(std::string_view n, std::int64_t v) : name(n), value(v) {}
  LogField(std::string_view n, int v) : name(n), value(static_cast<std::int64_t>(v)) {}
  LogField(std::string_view n, std::size_t v) : name(n), value(static_cast<std::int64_t>(v)) {}
  LogField(std::string_view n, bool v) : name(n), value(v) {}
};

struct LogOptions {
  Level level = Level::info;
  bool json = false;
  std::string file;  // empty: standard output
  std::string app_id;
  std::string instance;  // host name
  std::string version;
};

// Where lines go. Shared by all Logs of an application.
class LogSink;
Result<std::shared_ptr<LogSink>> make_log_sink(LogOptions options);
// Keeps lines in memory, for tests.
std::shared_ptr<LogSink> make_memory_sink(std::vector<std::string>& lines, LogOptions options = {});

class Log {
 public:
  Log() = default;  // discards
  Log(std::shared_ptr<LogSink> sink, std::string scope);

  // The same sink with another scope ("dapr.runtime.http"), or with a field added to every line.
  Log scoped(std::string scope) const;
  Log with(std::string name, std::string value) const;

  bool enabled(Level level) const;
  using Fields = std::initializer_list<LogField>;
  void debug(std::string_view text, Fields fields = {}) const { write(Level::debug, text, fields); }
  void info(std::string_view text, Fields fields = {}) const { write(Level::info, text, fields); }
  void warn(std::string_view text, Fields fields = {}) const {
    write(Level::warning, text, fields);
  }
  void error(std::string_view text, Fields fields = {}) const { write(Level::error, text, fields); }
  void fatal(std::string_view text, Fields fields = {}) const { write(Level::fatal, text, fields); }
  // Written whatever the level is (API logging, contract 06, 2.7).
  void always(Level level, std::string_view text, Fields fields) const;

 private:
  void write(Level level, std::string_view text, Fields fields) const;

  std::shared_ptr<LogSink> sink_;
  std::string scope_;
  std::vector<std::pair<std::string, std::string>> extra_;
};

}  // namespace mecha
