// How the catalogue shows itself: `mechad --describe` and the tables of docs/components.

#include "components/catalog.hpp"
#include "runtime/base/text.hpp"

namespace mecha {
namespace {

json::Value texts(const std::vector<std::string>& list) {
  json::Array array;
  for (const auto& text : list) array.emplace_back(text);
  return json::Value(std::move(array));
}

json::Value field_json(const FieldInfo& field) {
  json::Object object{{"name", field.name}, {"type", field.type}, {"help", field.help}, {"required", field.required}};
  object.emplace("default", field.default_value.empty() ? json::Value() : json::Value(field.default_value));
  if (!field.bounds.empty()) object.emplace("bounds", field.bounds);
  if (!field.aliases.empty()) object.emplace("aliases", texts(field.aliases));
  if (!field.choices.empty() && !field.free) object.emplace("choices", texts(field.choices));
  if (field.secret) object.emplace("secret", true);
  return json::Value(std::move(object));
}

std::vector<std::string> aliases_of(const ComponentInfo& info) {
  std::vector<std::string> list;
  for (const auto alias : info.aliases) {
    if (!alias.empty()) list.emplace_back(alias);
  }
  return list;
}

std::string code(std::string_view text) { return text.empty() ? "" : "`" + std::string(text) + "`"; }

std::string codes(const std::vector<std::string>& list) {
  std::vector<std::string> quoted;
  for (const auto& text : list) quoted.push_back(code(text));
  return text::join(quoted, ", ");
}

std::string field_row(const FieldInfo& field) {
  std::string meaning = field.help;
  if (!field.choices.empty() && !field.free) meaning += " One of " + codes(field.choices) + ".";
  if (!field.bounds.empty()) meaning += " From " + field.bounds + ".";
  if (!field.aliases.empty()) meaning += " Also " + codes(field.aliases) + ".";
  const std::string standard = field.required ? "required" : code(field.default_value);
  return "| " + code(field.name) + " | " + field.type + " | " + standard + " | " + text::replace_all(meaning, "|", "\\|") + " |\n";
}

}  // namespace

json::Value Catalog::describe() {
  json::Array list;
  for (const Entry* entry : sorted()) {
    json::Array fields;
    for (const auto& field : entry->fields()) fields.push_back(field_json(field));
    list.emplace_back(json::Object{
        {"type", entry->info.type},
        {"version", entry->info.version},
        {"help", entry->info.help},
        {"aliases", texts(aliases_of(entry->info))},
        {"fields", std::move(fields)},
    });
  }
  return json::Value(std::move(list));
}

std::string Catalog::describe_markdown(std::string_view category) {
  std::string page;
  for (const Entry* entry : sorted()) {
    const auto& info = entry->info;
    if (info.type.substr(0, info.type.find('.')) != category) continue;
    if (!page.empty()) page += "\n";
    page += "## " + std::string(info.type) + " " + std::string(info.version) + "\n\n" + std::string(info.help);
    if (const auto aliases = aliases_of(info); !aliases.empty()) page += " Also " + codes(aliases) + ".";
    page += "\n";
    const auto fields = entry->fields();
    if (fields.empty()) {
      page += "\nNo settings.\n";
      continue;
    }
    page += "\n| Item | Type | Default | Meaning |\n|---|---|---|---|\n";
    for (const auto& field : fields) page += field_row(field);
  }
  return page;
}

}  // namespace mecha
