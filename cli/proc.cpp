#include "cli/proc.hpp"

#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

// Behind the name, counted from 1 as in proc(5), where the name is field 2.
constexpr std::size_t kState = 3, kParent = 4, kGroup = 5, kStarted = 22;

}  // namespace

std::string text_of(const std::filesystem::path& file) { return read_file(file.string()).value_or(""); }

// The name stands in brackets, and may hold blanks and brackets itself.
std::optional<ProcessStat> parse_stat(std::string_view line) {
  const auto close = line.rfind(')');
  if (close == std::string_view::npos || close + 2 > line.size()) return std::nullopt;
  const auto fields = text::split(text::trim(line.substr(close + 2)), ' ');
  if (fields.size() <= kStarted - kState || fields[0].size() != 1) return std::nullopt;
  const auto parent = text::to_int(fields[kParent - kState]), group = text::to_int(fields[kGroup - kState]), started = text::to_int(fields[kStarted - kState]);
  if (!parent || !group || !started) return std::nullopt;
  return ProcessStat{.state = fields[0][0], .parent = *parent, .group = *group, .started = *started};
}

std::optional<ProcessStat> stat_of(const std::filesystem::path& process) { return parse_stat(text_of(process / "stat")); }

}  // namespace mecha::cli
