// Checker: components. Their type, their settings by the code that would start them, and where values come from.

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "cli/checker.hpp"
#include "cli/output.hpp"
#include "cli/remedy.hpp"
#include "components/pubsub/runtime_part.hpp"
#include "components/runtime_items.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/lock/lock.hpp"
#include "runtime/capabilities/state/encryption.hpp"
#include "runtime/capabilities/state/key.hpp"
#include "runtime/resources/environment.hpp"

namespace mecha::cli {
namespace {

// The item that a text speaks of, by its name or its value; the metadata if none.
Location place_of(const ComponentSpec& spec, const Location& otherwise, std::string_view text) {
  const auto lower = text::lower(text);
  const NameValue* found = nullptr;
  for (const auto& item : spec.metadata) {
    if (item.location.line == 0) continue;
    const bool named = !item.name.empty() && lower.find(text::lower(item.name)) != std::string::npos;
    const bool quoted = item.value.size() > 1 && text.find(item.value) != std::string_view::npos;
    if (named || (quoted && found == nullptr)) found = &item;
    if (named) break;
  }
  if (found == nullptr && spec.metadata.size() == 1 && spec.metadata[0].location.line > 0) found = &spec.metadata[0];
  return found == nullptr ? otherwise : found->location;
}

// Whether it is of a file or folder that a setting names by an absolute path, and that this host lacks.
bool is_of_absent_file(const ComponentSpec& spec, const Error& why) {
  if (why.code != Code::not_found) return false;
  const auto lower = text::lower(why.message);
  return std::ranges::any_of(spec.metadata, [&](const NameValue& item) {
    auto path = std::string_view(item.value);
    if (path.starts_with("file:")) path = path.substr(5, path.find('?') - 5);
    while (path.starts_with("//")) path.remove_prefix(1);
    const bool meant = why.message.find(path) != std::string::npos || lower.find(text::lower(item.name)) != std::string::npos;
    std::error_code unclear;
    return path.starts_with('/') && meant && std::filesystem::status(path, unclear).type() == std::filesystem::file_type::not_found;
  });
}

const FieldInfo* field_of(const std::vector<FieldInfo>& fields, std::string_view name) {
  const auto found = std::ranges::find_if(fields, [&](const FieldInfo& field) {
    return text::equals_nocase(field.name, name) || std::ranges::any_of(field.aliases, [&](const auto& other) { return text::equals_nocase(other, name); });
  });
  return found == fields.end() ? nullptr : &*found;
}

std::string title(const ComponentSpec& spec) { return "component " + spec.title() + ": "; }

// A list of words with commas, as components take it; empty if the value is something else.
std::string as_words(const yaml::Node& item) {
  const auto* value = item.find("value");
  if (value == nullptr || !value->is(yaml::Node::Kind::list)) return {};
  std::vector<std::string> words;
  for (const auto& word : value->items) {
    if (!word.is_scalar()) return {};
    words.push_back(word.value);
  }
  return text::join(words, ",");
}

}  // namespace

void Checker::secret_without_store(const Location& at, const std::string& what, const std::optional<SecretRef>& secret, const std::string& store) {
  if (!secret) return;
  if (secret->name.empty()) return warn(at, what + " has a secretKeyRef without name, which has no effect", "write secretKeyRef: {name: ..., key: ...}");
  if (store.empty()) error(at, what + " refers to a secret, but auth.secretStore names no store, so it stays empty", "add auth: {secretStore: <name of a secret store>} beside spec");
}

void Checker::item(const ComponentSpec& spec, const NameValue& item, std::string_view of) {
  const auto what = std::string(of) + (item.name.empty() ? "an item" : item.name);
  if (item.name.empty()) warn(item.location, what + " has no name and no effect", "add name: ...");
  if (item.has_value && !item.env.empty()) warn(item.location, what + " has value and envRef: the variable is not read", "take one of the two out");
  if (item.has_value && item.secret) warn(item.location, what + " has value and secretKeyRef: the secret takes the place of the value", "take one of the two out");
  if (!item.has_value && !item.env.empty() && item.secret) warn(item.location, what + " has envRef and secretKeyRef: the secret is not read", "take one of the two out");
  if (!item.has_value && item.env.empty() && !item.secret) warn(item.location, what + " has no value and is empty", "give it value, envRef or secretKeyRef");
  secret_without_store(item.location, what, item.secret, spec.secret_store);
}

// With the values that a start from here would give it: variables and placeholders filled in, as far as they are known. What
// is not known is left to the start, as a secret is.
ComponentSpec Checker::as_started(ComponentSpec spec) {
  const auto environment = process_environment();
  pubsub::complete(spec, "app");
  for (auto& item : spec.metadata) {
    const auto what = title(spec) + item.name;
    if (!item.has_value && !item.env.empty()) {
      auto value = may_read(item.env, environment) ? environment(item.env) : std::optional<std::string>("");
      if (!may_read(item.env, environment)) warn(item.location, what + " may not read the variable " + item.env + " and is empty", "take a variable that does not begin with DAPR_ and that DAPR_ENV_KEYS, if set, names");
      else if (!value) warn(item.location, what + " reads the variable " + item.env + ", which is not set here", "set it where the sidecar is started");
      if (value) item.value = *std::move(value);
      else item.secret = SecretRef{.name = "not known", .key = ""};
    }
    if (item.secret) continue;
    auto filled = fill_templates(item.name, item.value, make_templates("app", environment));
    if (filled) item.value = *std::move(filled);
    else error(item.location, title(spec) + filled.error().message, "known are {uuid}, {podName}, {namespace} and {appID}; POD_NAME must be set for {podName}");
  }
  return spec;
}

void Checker::unknown_type(const ComponentSpec& spec, const yaml::Node& root, const Error& why) {
  std::vector<std::string> types, versions;
  const auto all = catalog_.describe();
  for (const auto& type : all.as_array()) {
    types.emplace_back(type.text("type"));
    if (text::equals_nocase(type.text("type"), spec.type)) versions.emplace_back(type.text("version"));
  }
  const auto text = "component " + text::quote(spec.name) + ": " + why.message;
  if (!versions.empty()) return error(at(spec.location, root, {"spec", "version"}), text, "of " + spec.type + " there is " + text::join(versions, " and "));
  const auto similar = did_you_mean(spec.type, types);
  error(at(spec.location, root, {"spec", "type"}), text, similar.empty() ? "`mecha components` lists the types" : similar);
}

void Checker::settings(const ComponentSpec& spec, const yaml::Node& root, const Catalog::Entry& entry) {
  const auto help = "`mecha describe " + spec.type + "` shows the settings";
  const auto started = as_started(spec);
  const auto beside = at(spec.location, root, {"spec", "metadata"});
  const auto problems = entry.check(started);
  for (const auto& problem : problems) error(problem.location.file.empty() ? beside : problem.location, title(spec) + problem.text, help);
  const bool known = std::ranges::none_of(started.metadata, [](const NameValue& item) { return item.secret.has_value(); });
  const auto refused = [&](const Result<void>& checked) {
    if (checked) return;
    const auto& why = checked.error().message;
    const auto place = place_of(spec, beside, why);
    if (checked.error().code == Code::failed_precondition || is_of_absent_file(spec, checked.error())) return warn(place, title(spec) + why, "a sidecar that is started from here fails; see that it is otherwise where it will be");
    const bool of_files = why.find("no such file") != std::string::npos || why.find("unable to open") != std::string::npos;
    const auto advice = remedy("init_component_failure " + why);
    error(place, title(spec) + why, of_files && !advice.empty() ? std::string(advice) : help);
  };
  // Items with faults of their own are left out, so that others are looked at, too.
  const bool absent = std::ranges::any_of(problems, [](const SettingProblem& problem) { return problem.location.file.empty(); });
  auto rest = started;
  std::erase_if(rest.metadata, [&](const NameValue& one) { return std::ranges::any_of(problems, [&](const SettingProblem& problem) { return problem.location.line == one.location.line && text::equals_nocase(problem.key, one.name); }); });
  if (known && !absent) refused(entry.refusal(rest));
  if (spec.category() == "lock") refused(lock::check_store_spec(started));
  if (spec.category() != "state") return;
  refused(state::check_store_spec(started));
  if (!known) return;
  const auto encryption = state::Encryption::of(started);
  if (!encryption) refused(fail(encryption.error()));
  else if (!*encryption && !started.value("primaryEncryptionKey").value_or("").empty()) warn(place_of(spec, beside, "primaryEncryptionKey"), title(spec) + "it stores without encryption: primaryEncryptionKey counts only with a secret store", "add auth: {secretStore: <name of a secret store>} beside spec");
}

// The runtime looks whether the words stand in the text.
void Checker::direction(const ComponentSpec& spec) {
  if (spec.category() != "bindings") return;
  for (const auto& item : spec.metadata) {
    if (!text::equals_nocase(item.name, "direction") || item.value.empty() || item.secret) continue;
    for (const auto part : text::split(item.value, ',')) {
      const std::string word(text::trim(part));
      if (word == "input" || word == "output") continue;
      const bool means = word.find("input") != std::string::npos || word.find("output") != std::string::npos;
      warn(item.location, title(spec) + "direction " + text::quote(word) + (means ? " is read as " + std::string(word.find("input") != std::string::npos ? "input" : "output") : " is neither input nor output and has no effect"), "write input, output, or both with a comma");
    }
  }
}

void Checker::component(const ComponentSpec& spec, const yaml::Node& root) {
  const auto* body = root.find("spec");
  const auto* items = body == nullptr ? nullptr : body->find("metadata");
  if (body == nullptr) return error(spec.location, "component " + text::quote(spec.name) + " has no spec", "add spec: {type: ..., version: v1}");
  if (const auto* limit = body->find("initTimeout"); limit != nullptr && limit->is_scalar() && !text::go_duration(limit->value)) {
    warn({spec.location.file, limit->line}, title(spec) + "initTimeout " + text::quote(limit->value) + " is no duration, so 5s count", "write it like 30s or 5m");
  }
  if (spec.type.empty()) return error(at(spec.location, root, {"spec"}), "component " + text::quote(spec.name) + " has no type", "spec: {type: state.redis, version: v1}, for instance; `mecha components` lists the types");
  const auto entry = catalog_.find(spec);
  if (!entry) return unknown_type(spec, root, entry.error());
  if (items != nullptr && !items->is(yaml::Node::Kind::list) && !items->is(yaml::Node::Kind::null)) return;  // told as a wrong type
  const auto fields = (*entry)->fields();
  std::vector<std::string> names;
  for (const auto& field : fields) names.push_back(field.name);
  for (std::size_t i = 0; i < spec.metadata.size(); ++i) {
    const auto& one = spec.metadata[i];
    item(spec, one, title(spec));
    for (std::size_t k = 0; k < i; ++k) {
      if (one.name.empty() || spec.metadata[k].name != one.name) continue;
      error(one.location, title(spec) + one.name + " is given twice, the one at line " + std::to_string(spec.metadata[k].location.line) + " has no effect", "take one of the two out");
      break;
    }
    const auto* field = field_of(fields, one.name);
    if (field == nullptr || one.secret || one.value.empty()) continue;
    if (field->free && std::ranges::none_of(field->choices, [&](const auto& choice) { return text::equals_nocase(choice, one.value); })) {
      warn(one.location, title(spec) + one.name + " " + text::quote(one.value) + " is none of " + text::join(field->choices, ", ") + " and means " + field->choices.front(), did_you_mean(one.value, field->choices));
    }
    const auto words = items != nullptr && i < items->items.size() ? as_words(items->items[i]) : "";
    if (!words.empty()) error(one.location, title(spec) + one.name + " is a list in YAML, which the component gets as the text " + one.value, "write one text: " + text::quote(words));
  }
  direction(spec);
  settings(spec, root, **entry);
  for (const auto& one : (*entry)->unknown(spec)) {
    if (is_runtime_item(spec.category(), one.name) || one.name.empty()) continue;
    const auto similar = did_you_mean(one.name, names);
    warn(one.location, title(spec) + one.name + " is not a setting of it and has no effect", similar.empty() ? "`mecha describe " + spec.type + "` shows the settings" : similar);
  }
}

}  // namespace mecha::cli
