// What /proc says of processes.

#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace mecha::cli {

// All of a file; empty where it cannot be read, as of a process that has gone meanwhile.
std::string text_of(const std::filesystem::path& file);

// The part of /proc/PID/stat that is used.
struct ProcessStat {
  char state = 0;          // Z: it has ended, and its parent has not looked yet
  std::int64_t parent = 0;
  std::int64_t group = 0;
  std::int64_t started = 0;  // in ticks since the start of the system
};

// Nothing for what is no such line.
std::optional<ProcessStat> parse_stat(std::string_view line);
// Of a process by its folder below /proc; nothing when there is none.
std::optional<ProcessStat> stat_of(const std::filesystem::path& process);

}  // namespace mecha::cli
