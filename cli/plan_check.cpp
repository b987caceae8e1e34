#include "cli/plan_check.hpp"

#include <netdb.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"
#include "runtime/resources/loader.hpp"
#include "runtime/resources/yaml.hpp"

namespace mecha::cli {
namespace {

namespace fs = std::filesystem;

// By the file of hosts and the name of this host; the network is not asked.
bool names_this_host(const std::string& name) {
  std::array<char, 256> own{};
  if (::gethostname(own.data(), own.size() - 1) == 0 && name == own.data()) return true;
  const auto hosts = read_file("/etc/hosts").value_or("");
  for (const auto line : text::split(hosts, '\n')) {
    std::istringstream words{std::string(line.substr(0, line.find('#')))};
    for (std::string word; words >> word;) {
      if (word == name) return true;
    }
  }
  return false;
}

// A number of a flag; `least` stands for "not said".
Result<void> check_number(std::string_view flag, std::int64_t value, std::int64_t least, std::string_view meaning) {
  if (value >= least) return {};
  return fail(Code::invalid_argument, "--" + std::string(flag) + " must not be below " + std::to_string(least) + ", got " + std::to_string(value) + "\n  remedy: " + std::string(meaning));
}

// -1 is the sidecar's default; `least` is the least of the others.
Result<void> check_size(std::string_view flag, const std::string& value, std::int64_t least) {
  const auto size = text::quantity(value);
  if (value.empty() || (size && (*size >= least || *size == -1))) return {};
  return fail(Code::invalid_argument, "--" + std::string(flag) + " must be a size, got " + text::quote(value) + "\n  remedy: write bytes or a quantity, such as 4194304 or 4Mi");
}

Result<void> check_numbers(const Plan& plan) {
  constexpr std::string_view kPort = "ports are 1 to 65535; leave the flag out and a free one is chosen";
  for (const auto& [flag, port] : {std::pair("dapr-http-port", plan.ports.http), std::pair("dapr-grpc-port", plan.ports.grpc), std::pair("dapr-internal-grpc-port", plan.ports.internal),
                                   std::pair("metrics-port", plan.ports.metrics), std::pair("profile-port", plan.ports.profile)}) {
    MECHA_TRY_VOID(check_number(flag, port, -1, kPort));
  }
  MECHA_TRY_VOID(check_number("app-port", plan.app_port, -1, "it is the port that the application listens on; leave the flag out if it listens on none"));
  MECHA_TRY_VOID(check_number("app-max-concurrency", plan.app_max_concurrency, -1, "it is the number of calls at a time; -1 is no limit"));
  MECHA_TRY_VOID(check_number("app-health-probe-interval", plan.health_interval, 0, "seconds; 0 is the sidecar's default"));
  MECHA_TRY_VOID(check_number("app-health-probe-timeout", plan.health_timeout, 0, "milliseconds; 0 is the sidecar's default"));
  MECHA_TRY_VOID(check_number("app-health-threshold", plan.health_threshold, 0, "failed probes; 0 is the sidecar's default"));
  MECHA_TRY_VOID(check_size("max-body-size", plan.max_body_size, 0));
  return check_size("read-buffer-size", plan.read_buffer_size, 1);
}

// A name that nobody knows would keep the sidecar waiting for its resolver, again and again.
Result<void> check_listen_addresses(const std::string& list) {
  if (list.empty()) return {};
  for (const auto part : text::split(list, ',')) {
    const std::string address(text::trim(part));
    constexpr auto kRemedy = "\n  remedy: write addresses of this host, comma separated, such as 127.0.0.1,::1";
    if (address.empty()) return fail(Code::invalid_argument, "--dapr-listen-addresses has an empty member: " + text::quote(list) + kRemedy);
    addrinfo* found = nullptr;
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST;
    const auto host = address.starts_with('[') && address.ends_with(']') ? address.substr(1, address.size() - 2) : address;
    const bool known = host == "localhost" || ::getaddrinfo(host.c_str(), nullptr, &hints, &found) == 0 || names_this_host(host);
    if (found != nullptr) ::freeaddrinfo(found);
    if (!known) return fail(Code::invalid_argument, "--dapr-listen-addresses: " + text::quote(address) + " is no address, and no name that this host knows" + kRemedy);
  }
  return {};
}

Result<void> check_folders(const Plan& plan) {
  const auto& sockets = plan.unix_domain_socket;
  std::error_code error;
  if (sockets.empty() || (fs::is_directory(sockets, error) && ::access(sockets.c_str(), W_OK) == 0)) return {};
  const bool there = fs::exists(sockets, error);
  return fail(
      Code::not_found, "the folder " + sockets + " of --unix-domain-socket " + (!there ? "does not exist" : fs::is_directory(sockets, error) ? "cannot be written" : "is no folder") +
                           "\n  remedy: " + (there ? "name a folder of your own" : "create it: mkdir -p " + sockets)
  );
}

Result<void> check_mtls(const std::string& config) {
  const auto content = read_file(config);
  if (!content) return {};
  for (const auto& part : yaml::split_documents(*content)) {
    if (part.blank()) continue;
    const auto root = yaml::parse(part.text, part.first_line);
    if (!root) return {};  // the sidecar says so
    const auto* node = root->find("spec");
    for (const auto* name : {"mtls", "enabled"}) node = node == nullptr ? nullptr : node->find(name);
    if (node == nullptr || node->value != "true") return {};
    return fail(
        Code::unimplemented, config + ":" + std::to_string(node->line) + ": spec.mtls.enabled is true, but mTLS between sidecars is not in this build" +
                                 "\n  remedy: set it to false, or leave --config out; keep the network between sidecars closed to others"
    );
  }
  return {};
}

// A folder that brings nothing is no failure, and rarely meant.
std::string note_of(const Plan& plan, const LoadedResources& loaded) {
  if (!loaded.components.empty() || !loaded.subscriptions.empty() || !loaded.endpoints.empty() || !loaded.resiliencies.empty()) return {};
  return "the resources folder " + text::join(plan.resources, ", ") + " has nothing for " + plan.app_id + "\n  remedy: `mecha check " + plan.resources[0] +
         "` says what is in it; do the scopes name another application?";
}

}  // namespace

Result<void> check_id(const std::string& app_id) {
  for (const auto& [sign, name] : {std::pair{".", "dots"}, std::pair{"/", "slashes"}}) {
    if (app_id.find(sign) == std::string::npos) continue;
    return fail(Code::invalid_argument, "the id " + text::quote(app_id) + " of an application cannot contain " + name + "\n  remedy: write " + text::replace_all(app_id, sign, "-"));
  }
  return {};
}

Result<void> check_plan(Plan& plan) {
  MECHA_TRY_VOID(check_id(plan.app_id));
  MECHA_TRY_VOID(check_numbers(plan));
  MECHA_TRY_VOID(check_folders(plan));
  MECHA_TRY_VOID(check_listen_addresses(plan.listen_addresses));
  if (plan.app_port > 65535) return fail(Code::invalid_argument, "--app-port must be a port from 1 to 65535, got " + std::to_string(plan.app_port) + "\n  remedy: it is the port that the application listens on; leave the flag out if it listens on none");
  for (const auto& folder : plan.resources) {
    if (fs::is_regular_file(folder)) {
      const auto parent = fs::path(folder).parent_path();
      return fail(Code::invalid_argument, "--resources-path " + folder + " is a file\n  remedy: name its folder: --resources-path " + (parent.empty() ? "." : parent.string()));
    }
    if (!fs::is_directory(folder)) {
      return fail(Code::not_found, "the resources folder " + folder + " does not exist\n  remedy: create it, or name another with --resources-path");
    }
  }
  if (!plan.resources.empty()) {
    const char* name_space = std::getenv("NAMESPACE");
    const auto loaded = load_resources({.directories = plan.resources, .app_id = plan.app_id, .name_space = name_space == nullptr ? "" : name_space});
    if (!loaded) return fail(Code::invalid_argument, loaded.error().message + "\n  remedy: `mecha check " + plan.resources[0] + "` says what is wrong");
    if (auto note = note_of(plan, *loaded); !note.empty()) plan.notes.push_back(std::move(note));
    if (!loaded->unreadable.empty()) {
      std::string why = "the resource file " + loaded->unreadable[0] + " cannot be read";
      for (const auto& notice : loaded->notices) {
        if (notice.text.find(loaded->unreadable[0]) != std::string::npos) why = notice.text;
      }
      return fail(Code::invalid_argument, why + "\n  remedy: `mecha check " + plan.resources[0] + "` says what is wrong, with the line");
    }
  }
  if (fs::is_directory(plan.config)) {
    return fail(Code::invalid_argument, "--config " + plan.config + " is a folder\n  remedy: name the file of the Configuration; folders of components are named with --resources-path");
  }
  if (!plan.config.empty() && !fs::is_regular_file(plan.config)) {
    return fail(Code::not_found, "the configuration file " + plan.config + " does not exist\n  remedy: name another with --config, or leave it out");
  }
  return plan.config.empty() ? Result<void>{} : check_mtls(plan.config);
}

// Two of one run that want the same port; `one` or the other names who.
Result<void> check_ports_differ(const std::vector<Plan>& plans) {
  struct Wish {
    const Plan* plan;
    std::string_view what;
  };
  std::map<std::int64_t, Wish> wishes;
  for (const auto& plan : plans) {
    const bool own = plan.command.empty() ? false : plan.app_channel_address == "127.0.0.1" || plan.app_channel_address == "localhost";
    for (const auto& [what, port] : {std::pair("HTTP API", plan.ports.http), std::pair("gRPC API", plan.ports.grpc), std::pair("internal", plan.ports.internal),
                                     std::pair("metrics", plan.ports.metrics), std::pair("profiling", plan.ports.profile), std::pair("application", own ? plan.app_port : 0)}) {
      if (port <= 0) continue;
      const auto [it, fresh] = wishes.emplace(port, Wish{&plan, what});
      if (fresh) continue;
      const auto& [other, others] = it->second;
      if (other == &plan && (what == std::string_view("application") || others == "application")) continue;  // told in its own words
      const auto who = other == &plan ? plan.app_id + " wants port " + std::to_string(port) + " twice" : "two applications want port " + std::to_string(port);
      return fail(
          Code::already_exists, who + ": " + other->app_id + " (" + std::string(others) + ") and " + plan.app_id + " (" + what + ")" +
                                    "\n  remedy: give each its own port, or leave ports of sidecars out and free ones are chosen"
      );
    }
  }
  return {};
}

}  // namespace mecha::cli
