// The catalogue of component types: what can be made, under which names and versions, with which settings. It knows no
// contract; a type's category is the text before the first dot of its name.
//
// A backend states itself and is added by its register function:
//   class RedisStore final : public StateStore {
//     using Settings = RedisSettings;                                                       // runtime/resources/fields.hpp
//     static constexpr ComponentInfo info{"state.redis", "v1", "Redis 6 or later."};
//     RedisStore(Settings settings, const ComponentContext& context);
//   };
//   void register_redis(Catalog& catalog) { catalog.add<RedisStore>(); }
//
// What start() would refuse of the settings alone, without a server, may be said by
// `static Result<...> check(const Settings&)` of the class; start() uses the same code, and `mecha check` asks it. Its failure is
// `failed_precondition` when it is not in the settings but in the process: a variable or a home that may be another elsewhere.
//
// Settings may name the words before their problems: `static constexpr std::string_view failure_context = "...";`.
// A vendor whose library is costly is a module beside the daemon, loaded when its type is first asked for.
// Threads: filled at start, then asked from one thread at a time.

#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "components/component.hpp"
#include "components/pluggable/remote.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/result.hpp"
#include "runtime/resources/fields.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha {

// Which versions of a manifest mean this implementation (contract 06, 3.2; 02, 7.2).
enum class Versioning : std::uint8_t {
  initial,    // none, v0 and v1
  preferred,  // none and its own: the default of a type with several
  named       // its own only
};

struct ComponentInfo {
  std::string_view type;     // "state.redis"
  std::string_view version;  // "v1"
  std::string_view help;     // one line
  std::array<std::string_view, 4> aliases{};  // other types, "state.sqlite3"
  Versioning versioning = Versioning::initial;
};

class Catalog {
 public:
  struct Entry {
    ComponentInfo info;
    // Binds the settings and makes the component, not started. Fails with the problems of the settings.
    std::function<Result<std::shared_ptr<Component>>(const ComponentSpec&, const ComponentContext&)> create;
    std::function<std::vector<FieldInfo>()> fields;
    // What create() would find wrong with the settings, before any secret is read.
    std::function<std::vector<SettingProblem>(const ComponentSpec&)> check;
    // What starting would refuse although create() does not, as far as the settings alone tell. Needs every value; may read files.
    std::function<Result<void>(const ComponentSpec&)> refusal;
    // Metadata that no setting names; the runtime's own items are among them.
    std::function<std::vector<NameValue>(const ComponentSpec&)> unknown;
  };

  template <class C>
  void add() {
    static_assert(std::derived_from<C, Component>, "a component derives from its contract");
    static_assert(requires { typename C::Settings; }, "a component names its Settings");
    static_assert(
        std::constructible_from<C, typename C::Settings, const ComponentContext&>,
        "a component is made from (Settings, const ComponentContext&)"
    );
    using S = typename C::Settings;
    add_entry(Entry{
        .info = C::info,
        .create = [](const ComponentSpec& spec, const ComponentContext& context) -> Result<std::shared_ptr<Component>> {
          auto settings = bind<S>(spec);
          if constexpr (requires { S::failure_context; }) {
            if (!settings) return fail(std::move(settings).error().context(S::failure_context));
          }
          if (!settings) return fail(std::move(settings).error());
          return std::make_shared<C>(*std::move(settings), context);
        },
        .fields = [] { return describe_fields<S>(); },
        .check = [](const ComponentSpec& spec) { return check_settings<S>(spec); },
        .refusal = [](const ComponentSpec& spec) -> Result<void> {
          if constexpr (requires(const S& s) { C::check(s); }) {
            const auto settings = bind<S>(spec);
            if (!settings) return {};  // the problems of check()
            if (auto checked = C::check(*settings); !checked) return fail(std::move(checked).error());
          }
          return {};
        },
        .unknown = [](const ComponentSpec& spec) { return unknown_items<S>(spec); },
    });
  }

  // Components in processes of their own: what offer() finds to serve one of `services` is of this category. C is made from
  // (const ComponentSpec&, const ComponentContext&, const pluggable::Remote&); its metadata is not looked at here.
  template <class C>
  void add_remote(std::string category, std::vector<std::string> services) {
    static_assert(std::derived_from<C, Component>, "a component derives from its contract");
    remotes_.push_back({
        .category = std::move(category),
        .services = std::move(services),
        .make = [](const ComponentSpec& spec, const ComponentContext& context, const pluggable::Remote& remote) {
          return std::static_pointer_cast<Component>(std::make_shared<C>(spec, context, remote));
        },
    });
  }
  // Adds the types that the remote serves, "state.<name>" and so on, in place of others of that name; answers with the
  // services that count.
  std::vector<std::string> offer(const pluggable::Remote& remote);
  // Whether offer() could bring this type, by its category.
  bool may_be_offered(std::string_view type) const;

  // `type` comes from mecha_<module>.so, found beside the executable or in ../lib/mecha. The file has the C function
  // `mecha_register_module(mecha::Catalog&)`. It is never unloaded.
  void add_module(std::string type, std::string module);

  // The implementation of the manifest's type and version. Fails with the cause that the contract gives ("couldn't find
  // state store state.x/v1", code not_found), or, for an unknown category, "incorrect type x" (invalid_argument).
  Result<const Entry*> find(const ComponentSpec& spec);
  // find() and create() in one.
  Result<std::shared_ptr<Component>> make(const ComponentSpec& spec, const ComponentContext& context);

  // Everything in the catalogue, by type; modules are loaded first. JSON: [{type, version, aliases, help, fields}].
  json::Value describe();
  // The tables of docs/components/<category>.md.
  std::string describe_markdown(std::string_view category);
  std::vector<std::string> categories();

 private:
  struct RemoteKind {
    std::string category;
    std::vector<std::string> services;
    std::function<std::shared_ptr<Component>(const ComponentSpec&, const ComponentContext&, const pluggable::Remote&)> make;
  };
  void add_entry(Entry entry);
  const Entry* look_up(std::string_view type, std::string_view version) const;
  std::vector<std::string> types(std::string_view category) const;  // those of modules, too
  Result<void> load_module(const std::string& module);
  std::vector<const Entry*> sorted();

  std::multimap<std::string, std::shared_ptr<const Entry>, std::less<>> entries_;  // by lower-case type, aliases too
  std::map<std::string, std::string, std::less<>> modules_;                        // lower-case type -> module
  std::map<std::string, Result<void>, std::less<>> loaded_;
  std::vector<RemoteKind> remotes_;
};

}  // namespace mecha
