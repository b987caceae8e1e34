// ComponentLoader: changes while the application runs (contract 06, section 3.8).

#include <algorithm>
#include <utility>

#include "components/loader.hpp"
#include "runtime/async/within.hpp"

namespace mecha {
namespace {

const ComponentSpec* named(const std::vector<ComponentSpec>& specs, const std::string& name) {
  const auto it = std::ranges::find(specs, name, &ComponentSpec::name);
  return it == specs.end() ? nullptr : &*it;
}

bool has_references(const ComponentSpec& spec) {
  return std::ranges::any_of(spec.metadata, [](const NameValue& item) { return item.secret || !item.env.empty(); });
}

}  // namespace

Async<void> ComponentLoader::change(std::vector<ComponentSpec> specs, Applied applied) {
  std::erase_if(specs, [this](const ComponentSpec& spec) { return denied(spec); });
  specs = in_order(std::move(specs));
  std::vector<LoadedComponent> left;
  bool removed = false;
  for (const auto& entry : Entries(entries_)) {
    if (named(specs, entry->manifest.name) != nullptr) continue;
    removed = true;
    if (auto component = take_out(entry); component.instance) left.push_back(std::move(component));
  }
  if (removed) co_await applied(std::move(left));

  std::vector<ComponentSpec> fresh;
  for (const auto& spec : specs) {
    const auto old = entry_of(spec.name);
    if (old == nullptr || spec != old->manifest) fresh.push_back(spec);
  }
  check_ahead(fresh);
  // Secret stores are first among the changes: what refers to them is compared with what they say then.
  for (auto& spec : specs) {
    const auto old = entry_of(spec.name);
    if (old == nullptr) continue;
    if (co_await differs(old, spec)) {
      MECHA_CO_TRY_VOID(co_await put(std::move(spec), old, applied));
    } else {
      old->manifest = std::move(spec);  // it may stand elsewhere now
    }
    spec.name.clear();
  }
  for (auto& spec : specs) {
    if (!spec.name.empty()) MECHA_CO_TRY_VOID(co_await put(std::move(spec), nullptr, applied));
  }
  co_return Result<void>{};
}

// In the place of `old`, which serves until the new one is ready, and leaves also when that fails; null: as an addition.
Async<void> ComponentLoader::put(ComponentSpec spec, std::shared_ptr<Entry> old, Applied applied) {
  const auto entry = std::make_shared<Entry>(Entry{.manifest = std::move(spec)});
  entry->loaded.spec = std::make_shared<const ComponentSpec>(entry->manifest);
  entries_.push_back(entry);
  auto tried = co_await try_one(entry);
  std::vector<LoadedComponent> left;
  if (old != nullptr) {
    if (auto component = take_out(old); component.instance) left.push_back(std::move(component));
  }
  co_await applied(std::move(left));
  co_return std::move(tried);
}

std::shared_ptr<ComponentLoader::Entry> ComponentLoader::entry_of(const std::string& name) const {
  const auto it = std::ranges::find_if(entries_, [&](const auto& entry) { return entry->manifest.name == name; });
  return it == entries_.end() ? nullptr : *it;
}

// Whether `spec` is another component than the one that runs. What refers to a secret that cannot be had now is no change.
asio::awaitable<bool> ComponentLoader::differs(std::shared_ptr<Entry> entry, ComponentSpec spec) {
  if (spec != entry->manifest) co_return true;
  if (entry->loaded.state != ComponentState::ready || !has_references(spec)) co_return false;
  bool failed = false;
  const bool complete = co_await resolve_values(spec, false, &failed);
  co_return complete && !failed && spec != entry->resolved;
}

LoadedComponent ComponentLoader::take_out(const std::shared_ptr<Entry>& entry) {
  entry->gone = true;
  std::erase(entries_, entry);
  std::erase(ready_, entry);
  auto component = std::exchange(entry->loaded, {.spec = entry->loaded.spec});
  if (component.instance) leaving_.push_back(component);
  return component;
}

asio::awaitable<void> ComponentLoader::retire(std::shared_ptr<Component> instance, std::chrono::seconds limit) {
  const auto it = std::ranges::find(leaving_, instance, &LoadedComponent::instance);
  if (it == leaving_.end()) co_return;
  const auto component = std::move(*it);
  leaving_.erase(it);
  // Not within the caller, which may be cancelled: half a stop leaves what the component began without an owner.
  co_await begin_stop(component, limit).stopped->wait();
}

}  // namespace mecha
