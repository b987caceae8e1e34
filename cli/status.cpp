// mecha status: how the sidecars of this host do, one by one.

#include <algorithm>
#include <fstream>

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/endpoints.hpp"
#include "cli/instances.hpp"
#include "cli/output.hpp"
#include "cli/request.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

using namespace std::chrono_literals;

struct Health {
  std::string word;    // ready, waiting, unreachable
  std::string reason;  // and what to do
};

// An application that takes connections but speaks something else than its sidecar has been told; only gRPC is looked at, as
// asking costs the application nothing but a refused connection.
std::string other_protocol(const Instance& instance) {
  const auto* told = instance.metadata.find("appConnectionProperties");
  if (told == nullptr || !told->is_object() || told->text("protocol") != "grpc" || instance.app_port <= 0) return {};
  const std::string host(told->text("channelAddress"));
  const auto reached = reach({.host = host.empty() ? "127.0.0.1" : host, .port = static_cast<std::uint16_t>(instance.app_port)}, "application.grpc", 1000);
  if (!reached.connected || reached.trouble.empty()) return {};
  return "the application on port " + std::to_string(instance.app_port) + " does not speak gRPC, as --app-protocol says; start it with the protocol that it speaks, such as http";
}

Health health_of(const Instance& instance) {
  const auto ask = [&](std::string path) { return send_and_wait({.origin = instance.origin(), .target = std::move(path), .limit = 1s}); };
  const auto ready = ask("/v1.0/healthz");
  if (!ready) return {"unreachable", ready.error().message};
  if (ready->head.status == 204) {
    auto other = other_protocol(instance);
    return {other.empty() ? "ready" : "waiting", std::move(other)};
  }
  const auto outbound = ask("/v1.0/healthz/outbound");
  if (outbound && outbound->head.status == 204) {
    return {"waiting", "the sidecar serves, but the application does not accept connections on port " + std::to_string(instance.app_port)};
  }
  return {"starting", "its components are not all there yet"};
}

std::int64_t memory_kb(std::int64_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmRSS:")) return std::strtoll(line.c_str() + 6, nullptr, 10);
  }
  return 0;
}

json::Value names_of(const Instance& instance, std::string_view list, std::string_view first, std::string_view second) {
  json::Array names;
  const auto* items = instance.metadata.find(list);
  if (items != nullptr && items->is_array()) {
    for (const auto& item : items->as_array()) names.emplace_back(std::string(item.text(first)) + " (" + std::string(item.text(second)) + ")");
  }
  return json::Value(std::move(names));
}

std::string joined(const json::Value& texts) {
  std::vector<std::string> list;
  for (const auto& text : texts.as_array()) list.push_back(text.as_string());
  return list.empty() ? "none" : text::join(list, ", ");
}

json::Value describe(const Instance& instance, const Health& health) {
  return json::Value(json::Object{
      {"appId", instance.app_id},
      {"status", health.word},
      {"reason", health.reason},
      {"version", instance.version},
      {"program", instance.program},
      {"pid", instance.pid},
      {"memoryKb", memory_kb(instance.pid)},
      {"age", age(std::chrono::system_clock::now() - instance.created)},
      {"httpPort", instance.http_port},
      {"grpcPort", instance.grpc_port},
      {"appPort", instance.app_port},
      {"components", names_of(instance, "components", "name", "type")},
      {"subscriptions", names_of(instance, "subscriptions", "topic", "pubsubname")},
  });
}

std::string paragraph(const json::Value& v, const Health& health) {
  const auto number = [&v](std::string_view name) { return v.find(name)->number_text(); };
  std::string out = paint(1, v.text("appId")) + "  " + paint(health.word == "ready" ? 32 : 33, health.word);
  if (!health.reason.empty()) out += ": " + health.reason;
  out += "\n  " + std::string(v.text("program")) + " " + std::string(v.text("version")) + ", pid " + number("pid") + ", " + number("memoryKb") +
         " KB, up " + std::string(v.text("age")) + "\n  HTTP " + number("httpPort") + ", gRPC " + number("grpcPort") +
         (number("appPort") == "0" ? ", no application port" : ", application " + number("appPort")) + "\n";
  return out + "  components: " + joined(*v.find("components")) + "\n  subscriptions: " + joined(*v.find("subscriptions")) + "\n";
}

int status(const std::string& id, const std::string& form) {
  json::Array array;
  std::string text;
  bool good = true;
  auto all = find_instances();
  if (!id.empty()) {
    const auto missing = not_running(id, all);
    std::erase_if(all, [&id](const Instance& instance) { return instance.app_id != id; });
    if (all.empty()) return print_failure(form, missing);
  }
  for (const auto& instance : all) {
    const auto health = health_of(instance);
    good = good && health.word == "ready";
    auto value = describe(instance, health);
    text += paragraph(value, health);
    array.push_back(std::move(value));
  }
  if (text.empty()) text = "Nothing runs. Start an application with: mecha run --app-id NAME -- <command>\n";
  return std::max(print(form, json::Value(std::move(array)), text), good ? 0 : 1);
}

}  // namespace

void add_status(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("status", "Show how the sidecars of this host do; exit code 1 when one is not ready");
  auto options = std::make_shared<std::pair<std::string, std::string>>("", "table");
  command->add_option("-a,--app-id", options->first, "Only the application with this id")->type_name("ID");
  add_output(*command, options->second);
  command->callback([options, &choice] { choice.run = [options] { return status(options->first, options->second); }; });
}

}  // namespace mecha::cli
