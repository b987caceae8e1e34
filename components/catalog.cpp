#include "components/catalog.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "runtime/base/text.hpp"

namespace mecha {
namespace {

struct Category {
  std::string_view name;
  std::string_view thing;  // as texts call it
};

constexpr std::array kCategories{
    Category{"bindings", "binding"},
    Category{"configuration", "configuration store"},
    Category{"conversation", "conversation component"},
    Category{"crypto", "crypto provider"},
    Category{"lock", "lock store"},
    Category{"middleware", "middleware"},
    Category{"pubsub", "message bus"},
    Category{"secretstores", "secret store"},
    Category{"state", "state store"},
};

const Category* category_of(std::string_view type) {
  const auto dot = type.find('.');
  if (dot == std::string_view::npos) return nullptr;
  const auto found = std::ranges::find(kCategories, type.substr(0, dot), &Category::name);
  return found == kCategories.end() ? nullptr : &*found;
}

bool fits(const ComponentInfo& info, std::string_view version) {
  const bool own = text::equals_nocase(version, info.version);
  switch (info.versioning) {
    case Versioning::initial:
      return own || version.empty() || text::equals_nocase(version, "v0") || text::equals_nocase(version, "v1");
    case Versioning::preferred:
      return own || version.empty();
    case Versioning::named:
      return own;
  }
  return own;
}

std::string spelled(const ComponentSpec& spec) {
  return spec.type + (spec.version.empty() ? "" : "/" + spec.version);
}

using Register = void (*)(Catalog&);

std::vector<std::filesystem::path> module_folders() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return {};
  const auto folder = self.parent_path();
  return {folder, folder.parent_path() / "lib" / "mecha"};
}

// What is there in the place of a type that is not; the text of such an error is that of the contract.
std::shared_ptr<const std::vector<ErrorDetail>> known_types(const std::vector<std::string>& types) {
  ErrorDetail detail{.type = ErrorDetail::Type::help, .url = "docs/components"};
  detail.description = "there are " + text::join(types, ", ");
  return std::make_shared<const std::vector<ErrorDetail>>(1, std::move(detail));
}

}  // namespace

void Catalog::add_entry(Entry entry) {
  const auto shared = std::make_shared<const Entry>(std::move(entry));
  entries_.emplace(text::lower(shared->info.type), shared);
  for (const auto alias : shared->info.aliases) {
    if (!alias.empty()) entries_.emplace(text::lower(alias), shared);
  }
}

void Catalog::add_module(std::string type, std::string module) {
  modules_.insert_or_assign(text::lower(type), std::move(module));
}

std::vector<std::string> Catalog::offer(const pluggable::Remote& remote) {
  struct Held {  // what the entry's views point into
    std::string type;
    pluggable::Remote remote;
  };
  std::vector<std::string> taken;
  for (const auto& kind : remotes_) {
    const auto before = taken.size();
    for (const auto& service : kind.services) {
      if (remote.serves(service)) taken.push_back(std::string(pluggable::kPackage) + service);
    }
    if (taken.size() == before) continue;
    const auto held = std::make_shared<const Held>(Held{kind.category + "." + remote.name, remote});
    const auto type = text::lower(held->type);
    modules_.erase(type);
    const auto [begin, end] = entries_.equal_range(type);
    for (auto it = begin; it != end;) it = fits(it->second->info, "v1") ? entries_.erase(it) : std::next(it);
    add_entry(Entry{
        .info = {held->type, "v1", "A component in a process of its own."},
        .create = [held, make = kind.make](const ComponentSpec& spec, const ComponentContext& context) -> Result<std::shared_ptr<Component>> {
          MECHA_TRY(auto limits, bind<pluggable::Limits>(spec));
          auto remote = held->remote;
          remote.limits = limits;
          return make(spec, context, remote);
        },
        .fields = [] { return describe_fields<pluggable::Limits>(); },
        .check = [](const ComponentSpec& spec) { return check_settings<pluggable::Limits>(spec); },
        .refusal = [](const ComponentSpec&) { return Result<void>{}; },
        .unknown = [](const ComponentSpec&) { return std::vector<NameValue>(); },
    });
  }
  return taken;
}

bool Catalog::may_be_offered(std::string_view type) const {
  return std::ranges::any_of(remotes_, [&](const RemoteKind& kind) { return kind.category == type.substr(0, type.find('.')); });
}

const Catalog::Entry* Catalog::look_up(std::string_view type, std::string_view version) const {
  const auto [begin, end] = entries_.equal_range(type);
  const auto found = std::find_if(begin, end, [&](const auto& item) { return fits(item.second->info, version); });
  return found == end ? nullptr : found->second.get();
}

Result<const Catalog::Entry*> Catalog::find(const ComponentSpec& spec) {
  const Category* category = category_of(spec.type);
  if (category == nullptr) return fail(Code::invalid_argument, "incorrect type " + spec.type);
  const auto type = text::lower(spec.type);
  std::string why;
  if (const auto module = modules_.find(type); module != modules_.end()) {
    if (const auto loaded = load_module(module->second); !loaded) why = ": " + loaded.error().message;
  }
  if (const Entry* entry = look_up(type, spec.version)) return entry;
  if (category->name == "middleware") {
    return fail(
        Code::not_found,
        "HTTP middleware " + spec.type + "/" + spec.version + " has not been registered" + why + "; there are " +
            text::join(types("middleware"), ", ")
    );
  }
  const std::string what = category->name == "bindings" ? spec.title() : spelled(spec);
  Error error{.code = Code::not_found, .message = "couldn't find " + std::string(category->thing) + " " + what + why};
  if (const auto known = types(category->name); !known.empty()) error.details = known_types(known);
  return fail(std::move(error));
}

Result<std::shared_ptr<Component>> Catalog::make(const ComponentSpec& spec, const ComponentContext& context) {
  MECHA_TRY(const Entry* entry, find(spec));
  return entry->create(spec, context);
}

// Once for each module, also if it failed. The handle is kept open for good: components point into its code.
Result<void> Catalog::load_module(const std::string& module) {
  if (const auto known = loaded_.find(module); known != loaded_.end()) return known->second;
  const std::string file = "mecha_" + module + ".so";
  const auto attempt = [&]() -> Result<void> {
    std::string reason = "there is no file " + file + " beside the daemon or in ../lib/mecha";
    for (const auto& folder : module_folders()) {
      const auto path = folder / file;
      std::error_code error;
      if (!std::filesystem::exists(path, error)) continue;
      void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
      if (handle == nullptr) {
        reason = ::dlerror();
        continue;
      }
      const auto entry_point = reinterpret_cast<Register>(::dlsym(handle, "mecha_register_module"));
      if (entry_point == nullptr) return fail(Code::failed_precondition, file + " is no module of Mecha");
      entry_point(*this);
      return {};
    }
    return fail(Code::failed_precondition, reason);
  };
  return loaded_.emplace(module, attempt()).first->second;
}

std::vector<std::string> Catalog::types(std::string_view category) const {
  std::set<std::string> names;
  for (const auto& [type, entry] : entries_) {
    if (entry->info.type.substr(0, entry->info.type.find('.')) == category) names.emplace(entry->info.type);
  }
  for (const auto& [type, module] : modules_) {
    if (type.substr(0, type.find('.')) == category) names.emplace(type);
  }
  return {names.begin(), names.end()};
}

std::vector<const Catalog::Entry*> Catalog::sorted() {
  std::set<std::string> names;
  for (const auto& [type, module] : modules_) names.insert(module);
  for (const auto& module : names) (void)load_module(module);  // what is absent is not described
  std::set<const Entry*> unique;
  for (const auto& [type, entry] : entries_) unique.insert(entry.get());
  std::vector<const Entry*> list(unique.begin(), unique.end());
  std::ranges::sort(list, {}, [](const Entry* e) { return std::pair(e->info.type, e->info.version); });
  return list;
}

std::vector<std::string> Catalog::categories() {
  std::set<std::string> names;
  for (const Entry* entry : sorted()) names.emplace(entry->info.type.substr(0, entry->info.type.find('.')));
  return {names.begin(), names.end()};
}

}  // namespace mecha
