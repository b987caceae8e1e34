// mecha components, mecha describe: what is in this build, with every setting, as the daemon itself tells it.

#include <CLI/CLI.hpp>

#include "cli/catalog.hpp"
#include "cli/command.hpp"
#include "cli/output.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

std::string joined(const json::Value* texts) {
  std::vector<std::string> list;
  if (texts != nullptr && texts->is_array()) {
    for (const auto& text : texts->as_array()) list.push_back(text.as_string());
  }
  return text::join(list, ", ");
}

int list_components(const std::string& category, const std::string& form) {
  const auto all = describe_daemon();
  if (!all) return print_failure(form, all.error());
  json::Array array;
  Table table{.titles = {"TYPE", "VERSION", "SETTINGS", "WHAT IT IS"}, .rows = {}};
  std::vector<std::string> categories;
  for (const auto& entry : all->as_array()) {
    const std::string type(entry.text("type"));
    const auto own = type.substr(0, type.find('.'));
    if (categories.empty() || categories.back() != own) categories.push_back(own);
    if (!category.empty() && own != category) continue;
    table.rows.push_back({type, std::string(entry.text("version")), std::to_string(entry.find("fields")->as_array().size()), std::string(entry.text("help"))});
    array.push_back(entry);
  }
  if (array.empty()) {
    return print_failure(form, {.code = Code::not_found, .message = "there is no category " + text::quote(category) + "\n  remedy: one of " + text::join(categories, ", ")});
  }
  return print(form, json::Value(std::move(array)), format(table));
}

std::string page(const json::Value& entry) {
  std::string out = paint(1, std::string(entry.text("type")) + " " + std::string(entry.text("version"))) + "\n" + std::string(entry.text("help")) + "\n";
  if (const auto names = joined(entry.find("aliases")); !names.empty()) out += "Also " + names + ".\n";
  Table table{.titles = {"SETTING", "TYPE", "DEFAULT", "MEANING"}, .rows = {}};
  for (const auto& field : entry.find("fields")->as_array()) {
    auto meaning = std::string(field.text("help"));
    if (const auto choices = joined(field.find("choices")); !choices.empty()) meaning += " One of " + choices + ".";
    if (const auto bounds = field.text("bounds"); !bounds.empty()) meaning += " From " + std::string(bounds) + ".";
    const bool required = field.find("required")->as_bool();
    table.rows.push_back({std::string(field.text("name")), std::string(field.text("type")), required ? "required" : std::string(field.text("default")), meaning});
  }
  return out + (table.rows.empty() ? "No settings.\n" : "\n" + format(table));
}

int describe_type(const std::string& type, const std::string& form) {
  const auto all = describe_daemon();
  if (!all) return print_failure(form, all.error());
  json::Array found;
  std::string text;
  std::vector<std::string> types;
  for (const auto& entry : all->as_array()) {
    types.emplace_back(entry.text("type"));
    const auto* aliases = entry.find("aliases");
    bool same = text::equals_nocase(types.back(), type);
    for (const auto& alias : aliases->as_array()) same = same || text::equals_nocase(alias.as_string(), type);
    if (!same) continue;
    text += (text.empty() ? "" : "\n") + page(entry);
    found.push_back(entry);
  }
  if (!found.empty()) return print(form, json::Value(std::move(found)), text);
  const auto similar = nearest(type, types);
  return print_failure(form, {.code = Code::not_found, .message = "there is no component type " + text::quote(type) + " in this build" + (similar.empty() ? "" : "; did you mean " + similar + "?") + "\n  remedy: `mecha components` lists all of them"});
}

}  // namespace

void add_components(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("components", "List the component types of this build; as JSON with every setting");
  auto options = std::make_shared<std::pair<std::string, std::string>>("", "table");
  command->add_option("category", options->first, "Only this category: state, pubsub, bindings, ...")->type_name("CATEGORY");
  add_output(*command, options->second);
  command->callback([options, &choice] { choice.run = [options] { return list_components(options->first, options->second); }; });
}

void add_describe(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("describe", "Show a component type with every setting");
  auto options = std::make_shared<std::pair<std::string, std::string>>("", "table");
  command->add_option("type", options->first, "The type, such as state.redis")->type_name("TYPE")->required();
  add_output(*command, options->second);
  command->callback([options, &choice] { choice.run = [options] { return describe_type(options->first, options->second); }; });
}

}  // namespace mecha::cli
