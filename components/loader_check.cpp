// ComponentLoader: what can be said against the manifests before anything starts, so that one start shows all of it.

#include <utility>

#include "components/loader.hpp"
#include "components/pubsub/runtime_part.hpp"
#include "runtime/base/text.hpp"

namespace mecha {
namespace {

// "components/a.yaml:12: component orders (state.redis/v1): poolSize must be a whole number, got "many""
std::string line(const ComponentSpec& spec, const SettingProblem& problem) {
  const auto& place = problem.location.file.empty() ? spec.location : problem.location;
  std::string out = place.file.empty() ? "" : place.text() + ": ";
  out += "component " + spec.title() + ": ";
  // Some texts of the contract leave out which item they speak of.
  if (text::lower(problem.text).find(text::lower(problem.key)) == std::string::npos) out += problem.key + ": ";
  return out + problem.text;
}

}  // namespace

void ComponentLoader::check_ahead(const std::vector<ComponentSpec>& specs) const {
  for (const auto& spec : specs) {
    for (const auto& problem : problems(spec)) settings_.log.error(line(spec, problem));
  }
}

// As far as resolve_values() would come without reading a secret: items whose value is known by then keep no reference.
std::vector<SettingProblem> ComponentLoader::problems(ComponentSpec spec) const {
  std::vector<SettingProblem> list;
  const auto entry = catalog_.find(spec);
  if (!entry) return {{.text = entry.error().message}};
  bool ended = false;
  for (auto& item : spec.metadata) {
    ended = ended || (item.secret && !item.secret->name.empty() && spec.secret_store.empty());
    const bool from_variable = !item.has_value && !item.env.empty();
    if (from_variable && !ended) item.value = variable(item.env).value_or("");
    if (ended || from_variable || (item.secret && item.secret->name.empty())) item.secret.reset();
  }
  pubsub::complete(spec, settings_.app_id);
  for (auto& item : spec.metadata) {
    if (item.secret) continue;
    auto filled = fill_templates(item.name, item.value, templates_);
    if (filled) item.value = *std::move(filled);
    else list.push_back({.location = item.location, .key = item.name, .text = filled.error().message});
  }
  const auto& check = settings_.hooks.check_spec;
  if (auto checked = check ? check(spec) : Result<void>{}; !checked) list.push_back({.text = checked.error().message});
  for (auto& problem : (*entry)->check(spec)) list.push_back(std::move(problem));
  return list;
}

}  // namespace mecha
