// doctor: versions, ports, the registry of instances, folders.

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "cli/dev_resources.hpp"
#include "cli/doctor.hpp"
#include "cli/endpoints.hpp"
#include "cli/instances.hpp"
#include "cli/listeners.hpp"
#include "cli/plan.hpp"
#include "cli/proc.hpp"
#include "components/pluggable/discovery.hpp"
#include "runtime/base/text.hpp"
#include "runtime/daemon/build.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;
constexpr int kDialLimit_ms = 500;

std::string run_and_read(const std::string& command) {
  std::string printed;
  auto* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return {};
  std::array<char, 4096> buffer{};
  while (const auto size = std::fread(buffer.data(), 1, buffer.size(), pipe)) printed.append(buffer.data(), size);
  return ::pclose(pipe) == 0 ? printed : std::string();
}

std::string quoted(const std::string& path) { return "'" + text::replace_all(path, "'", "'\\''") + "'"; }

// A folder whose files others may trust: ours, and nobody else may write. Returns what is wrong.
std::string exposed(const fs::path& folder) {
  struct stat state {};
  if (::stat(folder.c_str(), &state) != 0) return {};
  if (state.st_uid != ::getuid() && ::getuid() != 0) return "belongs to another user";
  if ((state.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (state.st_mode & S_ISVTX) == 0) return "can be written by other users";
  return {};
}

// A file whose lock is free was left by a process that died (docs/adr/0003).
bool left_behind(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool free = ::flock(descriptor, LOCK_SH | LOCK_NB) == 0;
  ::close(descriptor);
  return free;
}

void look_at_entry(Diagnoses& found, const fs::path& file, std::vector<std::string>& alive, std::vector<std::string>& dead) {
  const auto name = file.filename().string();
  const auto id = name.substr(0, name.rfind('@'));
  if (left_behind(file)) return dead.push_back(id);
  const auto address = text_of(file);
  const auto endpoints = parse_endpoints(address, 0);
  const auto reached = endpoints.empty() ? Reached{.trouble = "no address"} : reach(endpoints.front(), "", kDialLimit_ms);
  if (reached.connected) return alive.push_back(id);
  found.push_back({"registry", Grade::problem, "the sidecar of " + id + " is registered at " + address + ", but cannot be reached there: " + reached.trouble,
                   "is it stopped or overloaded (`mecha status`), or does a firewall stand between? DAPR_HOST_IP=127.0.0.1 keeps calls on the loopback"});
}

void look_at_folder(Diagnoses& found, const std::string& what, const std::string& folder, bool wanted) {
  std::error_code error;
  if (!fs::exists(folder, error)) {
    if (wanted) found.push_back({"folders", Grade::problem, what + " " + folder + " does not exist", "mkdir -p " + folder});
    return;
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    found.push_back({"folders", Grade::problem, what + " " + folder + " cannot be written by this user", "chown or chmod it, or choose another folder"});
  } else if (const auto why = exposed(folder); !why.empty()) {
    found.push_back({"folders", Grade::warning, what + " " + folder + " " + why, "chmod go-w " + folder + ", or take a folder of your own"});
  } else {
    found.push_back({"folders", Grade::ok, what + " " + folder, ""});
  }
}

}  // namespace

void look_at_versions(Diagnoses& found) {
  found.push_back({"versions", Grade::ok, "mecha " + std::string(kMechaVersion) + " (" + std::string(kCommit) + "), API " + std::string(kApiVersion), ""});
  const auto daemon = find_daemon("");
  if (!daemon) {
    const auto cut = daemon.error().message.find("\n  remedy: ");
    found.push_back({"versions", Grade::problem, daemon.error().message.substr(0, cut), cut == std::string::npos ? "" : daemon.error().message.substr(cut + 11)});
    return;
  }
  const auto said = run_and_read(quoted(*daemon) + " --build-info 2>&1");
  const auto at = said.find("mecha-");
  const auto commit = said.find("Git Commit: ");
  if (at == std::string::npos) {
    found.push_back({"versions", Grade::warning, *daemon + " is not of Mecha, or does not start", "run it by hand: " + *daemon + " --version"});
  } else if (said.substr(at + 6, kMechaVersion.size()) != kMechaVersion || (commit != std::string::npos && said.substr(commit + 12, kCommit.size()) != kCommit)) {
    found.push_back({"versions", Grade::warning, *daemon + " is of another build than this tool: " + std::string(text::trim(said.substr(at, said.find('\n', at) - at))), "install both from one package"});
  } else {
    found.push_back({"versions", Grade::ok, *daemon + " is of the same build", ""});
  }
  for (const auto& sidecar : find_instances()) {
    if (!sidecar.answers) {
      found.push_back({"sidecars", Grade::problem, "the sidecar of " + sidecar.app_id + " (pid " + std::to_string(sidecar.pid) + ") does not answer", "look at its log; `mecha stop -a " + sidecar.app_id + "` ends it"});
    } else if (sidecar.program == "mechad" && !sidecar.version.empty() && sidecar.version != kApiVersion) {
      found.push_back({"sidecars", Grade::warning, "the sidecar of " + sidecar.app_id + " has the version " + sidecar.version + ", the tool " + std::string(kApiVersion), "start it again after an upgrade"});
    } else {
      found.push_back({"sidecars", Grade::ok, sidecar.app_id + " (pid " + std::to_string(sidecar.pid) + ") answers on port " + std::to_string(sidecar.http_port), ""});
    }
  }
}

void look_at_ports(Diagnoses& found) {
  struct Port {
    std::int64_t number;
    const char* use;
    const char* flag;
  };
  static constexpr std::array ports{Port{3500, "the HTTP API", "--dapr-http-port"}, Port{50001, "the gRPC API", "--dapr-grpc-port"}, Port{9090, "metrics", "--metrics-port"}};
  const auto sidecars = find_instances(false);
  for (const auto& port : ports) {
    const auto name = "port " + std::to_string(port.number) + ", the default of " + port.use;
    const auto who = who_listens(port.number);
    const bool ours = std::ranges::any_of(sidecars, [&who](const Instance& i) { return who.ends_with("(pid " + std::to_string(i.pid) + ")"); });
    if (who.empty()) found.push_back({"ports", Grade::ok, name + ", is free", ""});
    else if (ours) found.push_back({"ports", Grade::ok, name + ", is held by a sidecar: " + who, ""});
    else found.push_back({"ports", Grade::warning, name + ", is held by " + who, std::string("a sidecar that is started by hand needs another ") + port.flag + "; `mecha run` and `mecha dev` take free ports"});
  }
}

void look_at_registry(Diagnoses& found) {
  const auto folder = registry_folder();
  std::error_code error;
  if (!fs::exists(folder, error)) {
    found.push_back({"registry", Grade::ok, folder + " is not there yet; the first sidecar makes it", ""});
    return;
  }
  if (const auto why = exposed(folder); !why.empty()) {
    found.push_back({"registry", Grade::problem, folder + " " + why + ": they could answer for your applications", "remove it and start the sidecars again, or set MECHA_REGISTRY_DIR to a folder of your own"});
  }
  std::vector<std::string> alive, dead;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    if (it->path().filename().string().find('@') != std::string::npos) look_at_entry(found, it->path(), alive, dead);
  }
  if (error) found.push_back({"registry", Grade::problem, folder + " cannot be read: " + error.message(), "make it readable, or set MECHA_REGISTRY_DIR"});
  std::ranges::sort(alive);
  found.push_back({"registry", Grade::ok, folder + " has " + (alive.empty() ? "nobody" : text::join(alive, ", ")), ""});
  if (dead.empty()) return;
  std::ranges::sort(dead);
  const auto repeated = std::ranges::unique(dead);
  dead.erase(repeated.begin(), repeated.end());
  found.push_back({"registry", Grade::warning, "entries of sidecars that died: " + text::join(dead, ", "), "nothing: a sidecar that looks for such a name removes its entry"});
}

void look_at_folders(Diagnoses& found) {
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') found.push_back({"folders", Grade::warning, "HOME is not set", "set it, or name folders with --runtime-path and --data"});
  else look_at_folder(found, "home", home, true);
  look_at_folder(found, "temporary files", temporary_folder(), true);
  look_at_folder(found, "data of mecha dev", dev_data_folder(), false);
  const char* set = std::getenv("DAPR_COMPONENTS_SOCKETS_FOLDER");
  const bool chosen = set != nullptr && *set != '\0';
  look_at_folder(found, "sockets of pluggable components", chosen ? set : std::string(pluggable::kFolder), chosen);
  std::set<std::string> sockets;
  for (const auto& sidecar : find_instances(false)) sockets.insert(sidecar.socket_dir);
  for (const auto& folder : sockets) {
    if (!folder.empty()) look_at_folder(found, "sockets of sidecars", folder, true);
  }
}

}  // namespace mecha::cli
