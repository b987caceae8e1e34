// The process_* and go_* families, from /proc. `go_goroutines` is what dashboards ask any target of
// this API for; here it counts threads.

#include <charconv>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include <sys/resource.h>
#include <unistd.h>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/telemetry/metrics_state.hpp"

namespace mecha {

namespace {

void append(
    std::string& out,
    std::string_view name,
    std::string_view type,
    std::string_view help,
    double value
) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name);
  out.append(" ").append(type).append("\n").append(name).append(" ");
  out.append(json::format_double_g(value)).append("\n");
}

// Fields of /proc/self/stat behind the name of the program, which may hold anything; field 3 of
// proc(5) is the first.
std::vector<double> stat_fields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  std::vector<double> out;
  std::istringstream rest(line.substr(std::min(line.size(), line.rfind(')') + 2)));
  for (std::string word; rest >> word;) out.push_back(text::to_double(word).value_or(0));
  out.resize(50);
  return out;
}

double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return text::to_double(line.substr(6)).value_or(0);
  }
  return 0;
}

double open_descriptors() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error))
    ++count;
  return count;
}

double limit(int resource) {
  rlimit value{};
  ::getrlimit(static_cast<__rlimit_resource_t>(resource), &value);
  return value.rlim_cur == RLIM_INFINITY
             ? static_cast<double>(std::numeric_limits<std::uint64_t>::max())
             : static_cast<double>(value.rlim_cur);
}

}  // namespace

void append_process_metrics(std::string& out) {
  const std::vector<double> stat = stat_fields();
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
  append(out, "go_goroutines", "gauge", "Number of threads that currently exist.", stat[17]);
  append(out, "go_threads", "gauge", "Number of OS threads created.", stat[17]);
  append(
      out,
      "process_cpu_seconds_total",
      "counter",
      "Total user and system CPU time spent in seconds.",
      (stat[11] + stat[12]) / ticks
  );
  append(
      out,
      "process_max_fds",
      "gauge",
      "Maximum number of open file descriptors.",
      limit(RLIMIT_NOFILE)
  );
  append(out, "process_open_fds", "gauge", "Number of open file descriptors.", open_descriptors());
  append(
      out,
      "process_resident_memory_bytes",
      "gauge",
      "Resident memory size in bytes.",
      stat[21] * page
  );
  append(
      out,
      "process_start_time_seconds",
      "gauge",
      "Start time of the process since unix epoch in seconds.",
      boot_time() + stat[19] / ticks
  );
  append(out, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", stat[20]);
  append(
      out,
      "process_virtual_memory_max_bytes",
      "gauge",
      "Maximum amount of virtual memory available in bytes.",
      limit(RLIMIT_AS)
  );
}

}  // namespace mecha
