#include "cli/catalog.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>

#include "cli/plan.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {

Result<json::Value> describe_daemon() {
  MECHA_TRY(const auto daemon, find_daemon(""));
  const auto quoted = "'" + text::replace_all(daemon, "'", "'\\''") + "' --describe json";
  std::string printed;
  auto* pipe = ::popen(quoted.c_str(), "re");
  if (pipe == nullptr) return fail(Code::internal, daemon + " cannot be started");
  std::array<char, 65536> buffer{};
  while (const auto size = std::fread(buffer.data(), 1, buffer.size(), pipe)) printed.append(buffer.data(), size);
  const int status = ::pclose(pipe);
  auto document = json::parse(printed, true);
  if (status != 0 || !document || !document->is_array()) {
    return fail(Code::failed_precondition, daemon + " does not tell its components\n  remedy: it is of another version, or the reference daemon; name a mechad: export MECHA_DAEMON=/path/to/mechad");
  }
  return document;
}

}  // namespace mecha::cli
