// mecha list: the sidecars of this host.

#include <CLI/CLI.hpp>

#include "cli/command.hpp"
#include "cli/instances.hpp"
#include "cli/output.hpp"

namespace mecha::cli {
namespace {

std::string number(std::int64_t value) { return value > 0 ? std::to_string(value) : "-"; }

int list(const std::string& form) {
  json::Array array;
  Table table{.titles = {"APP ID", "HTTP PORT", "GRPC PORT", "APP PORT", "COMMAND", "AGE", "CREATED", "DAPRD PID", "CLI PID", "APP PID", "TEMPLATE"}, .rows = {}};
  for (const auto& instance : find_instances()) {
    auto value = to_json(instance);
    const auto text = [&value](std::string_view name) { return std::string(value.text(name)); };
    table.rows.push_back(
        {instance.app_id, number(instance.http_port), number(instance.grpc_port), number(instance.app_port), text("command"), text("age"),
         text("created"), number(instance.pid), number(instance.cli_pid), number(instance.app_pid), instance.template_name}
    );
    array.push_back(std::move(value));
  }
  const std::string nothing = "Nothing runs. Start an application with: mecha run --app-id NAME -- <command>\n";
  return print(form, json::Value(std::move(array)), table.rows.empty() ? nothing : format(table));
}

}  // namespace

void add_list(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("list", "List the sidecars that run on this host");
  auto form = std::make_shared<std::string>("table");
  add_output(*command, *form);
  command->callback([form, &choice] { choice.run = [form] { return list(*form); }; });
}

}  // namespace mecha::cli
