// The three layouts of a log line (contract 06, 2.7). Pure: what time it is and where the line goes
// is known elsewhere.

#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/telemetry/log.hpp"

namespace mecha {

struct LogEntry {
  Level level = Level::info;
  std::string_view text;
  std::string_view scope;
  std::span<const LogField> fields;
  std::span<const std::pair<std::string, std::string>> extra;
  std::chrono::system_clock::time_point time;
  std::chrono::seconds since_start{};  // coloured layout only
};

std::string_view level_name(Level level);

// Each gives one line without its end; `fields` beat `extra`, and both beat the fixed ones.
std::string format_log_text(const LogOptions& options, const LogEntry& entry);
std::string format_log_json(const LogOptions& options, const LogEntry& entry);
std::string format_log_coloured(const LogOptions& options, const LogEntry& entry);

}  // namespace mecha
