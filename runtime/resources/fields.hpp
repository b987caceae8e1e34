// One declaration per component setting: binding, error texts, defaults, redaction and documentation come from it.
//
//   struct Settings {
//     std::string host; Secret password; std::chrono::milliseconds limit = 5s; int pool = 8; std::optional<int> ttl;
//     static constexpr Decoder decoder = Decoder::strict;  // left out: lenient
//     static constexpr auto fields() { using S = Settings; return std::tuple{
//       field("host", &S::host, "Server address.").required(), field("pool", &S::pool, "Connections.").between(1, 256)}; }
//   };
//   MECHA_TRY(auto settings, bind<Settings>(spec));   // or every problem at once
//
// Members: std::string, Secret, bool, whole numbers, double, chrono durations, std::vector<std::string>, std::optional of
// these, and one Rest, which takes every item that no other field names. Settings may inherit from settings: fields() of
// the derived type then joins both with std::tuple_cat.

#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/secret.hpp"
#include "runtime/resources/specs.hpp"

namespace mecha {

// The two decoders of contract 02, section 7.4. lenient (most components): truthy booleans, bare durations are seconds,
// an empty value is zero. strict (the redis family): exact booleans, bare durations are milliseconds, empty is an error.
enum class Decoder : std::uint8_t { lenient, strict };

// Items that no other field names, for settings with open names ("<topic>.jsonschema").
using Rest = std::map<std::string, std::string, std::less<>>;

namespace fields_detail {

template <class T> struct Inner { using type = T; };
template <class T> struct Inner<std::optional<T>> { using type = T; };
template <class T> using inner_t = typename Inner<T>::type;

template <class T> inline constexpr bool is_duration = false;
template <class R, class P> inline constexpr bool is_duration<std::chrono::duration<R, P>> = true;
template <class T> inline constexpr bool is_integer = std::integral<T> && !std::same_as<T, bool>;
template <class T> inline constexpr bool is_bounded = is_integer<T> || std::floating_point<T> || is_duration<T>;

struct Nothing {};
template <class T> using bound_t = std::conditional_t<is_bounded<T>, T, Nothing>;

}  // namespace fields_detail

template <class S, class M>
struct Field {
  using Inner = fields_detail::inner_t<M>;
  using Bound = fields_detail::bound_t<Inner>;

  std::string_view name;
  M S::*member;
  std::string_view help;
  bool is_required = false;
  std::string_view missing{};  // the exact text when it is absent, if the contract gives one
  std::array<std::string_view, 4> other_names{};
  std::array<std::string_view, 12> choices{};
  bool is_free = false;  // `choices` are what is known, others are taken too
  bool is_bounded = false;
  Bound low{}, high{};

  // Absent or empty is an error; `text` replaces the usual one where the contract gives it.
  constexpr Field required(std::string_view text = {}) const {
    Field f = *this;
    f.is_required = true;
    f.missing = text;
    return f;
  }
  // Both ends are allowed. For numbers and durations.
  constexpr Field between(Bound least, Bound most) const {
    static_assert(fields_detail::is_bounded<Inner>, "between() is for numbers and durations");
    Field f = *this;
    f.is_bounded = true;
    f.low = least;
    f.high = most;
    return f;
  }
  // Allowed texts, compared without case. The member keeps the spelling given here.
  template <class... T>
  constexpr Field one_of(T... texts) const {
    static_assert(sizeof...(T) <= 12 && std::same_as<Inner, std::string>);
    Field f = *this;
    f.choices = {std::string_view(texts)...};
    return f;
  }
  // Texts that mean something, where the contract takes every other as the first of them: `mecha check` warns.
  template <class... T>
  constexpr Field known(T... texts) const {
    Field f = one_of(texts...);
    f.is_free = true;
    return f;
  }
  // Other names of the same item, looked for in this order when `name` is absent.
  template <class... T>
  constexpr Field aliases(T... names) const {
    static_assert(sizeof...(T) <= 4);
    Field f = *this;
    f.other_names = {std::string_view(names)...};
    return f;
  }
};

template <class S, class M>
constexpr Field<S, M> field(std::string_view name, M S::*member, std::string_view help) {
  return Field<S, M>{.name = name, .member = member, .help = help};
}

// What documentation says of a field.
struct FieldInfo {
  std::string name, type, default_value, help, bounds;
  bool required = false;
  bool secret = false;
  bool free = false;  // others than `choices` are taken, and mean the first of them
  std::vector<std::string> aliases, choices;
};

// What is wrong with one setting, and where: at the item, or at the component if the item is absent.
struct SettingProblem {
  Location location;
  std::string key;
  std::string text;  // names the value and the rule; a value that comes from a secret store is never shown
};

namespace fields_detail {

// Reads one item after another out of a spec, notes what was asked for, and gathers the problems.
class Reader {
 public:
  // `early`: values that a secret store will give are not known yet and raise no problem.
  Reader(const ComponentSpec& spec, Decoder decoder, bool early = false);

  bool comes_later(const NameValue* item) const { return early_ && item != nullptr && item->secret.has_value(); }

  // The item by name or alias; nullptr if there is none.
  const NameValue* find(std::string_view name, const std::array<std::string_view, 4>& aliases);
  void problem(std::string_view name, const NameValue& item, std::string text);
  void absent(std::string_view name, std::string_view help, std::string_view exact);

  std::optional<bool> boolean(std::string_view name, const NameValue& item);
  std::optional<std::int64_t> integer(std::string_view name, const NameValue& item, std::int64_t least, std::uint64_t most);
  std::optional<double> number(std::string_view name, const NameValue& item);
  std::optional<std::chrono::nanoseconds> duration(std::string_view name, const NameValue& item);
  std::optional<std::string> choice(
      std::string_view name, const NameValue& item, const std::array<std::string_view, 12>& choices
  );

  Rest rest() const;                      // what nobody asked for
  Result<void> outcome() const;           // every problem, or success
  std::vector<NameValue> unknown() const; // the same as rest(), with locations
  const std::vector<SettingProblem>& problems() const { return problems_; }

 private:
  const ComponentSpec& spec_;
  Decoder decoder_;
  bool early_;
  std::vector<bool> used_;
  std::vector<SettingProblem> problems_;
};

std::string given(const NameValue& item);  // its value in a message; of a secret only that it is one
std::string show(bool v);
std::string show(std::int64_t v);
std::string show(double v);
std::string show(std::chrono::nanoseconds v);
std::vector<std::string> split_list(std::string_view text);  // at ',', no trimming; "" is no element

template <class T>
std::string show_value(const T& v) {
  if constexpr (std::same_as<T, Secret> || std::same_as<T, Nothing>) return {};
  else if constexpr (std::same_as<T, std::string>) return v;
  else if constexpr (std::same_as<T, bool>) return show(v);
  else if constexpr (is_integer<T>) return show(static_cast<std::int64_t>(v));
  else if constexpr (std::floating_point<T>) return show(static_cast<double>(v));
  else if constexpr (is_duration<T>) return show(std::chrono::duration_cast<std::chrono::nanoseconds>(v));
  else return {};
}

template <class T>
constexpr std::string_view type_name() {
  if constexpr (std::same_as<T, Secret>) return "secret";
  else if constexpr (std::same_as<T, bool>) return "bool";
  else if constexpr (is_integer<T>) return "integer";
  else if constexpr (std::floating_point<T>) return "number";
  else if constexpr (is_duration<T>) return "duration";
  else if constexpr (std::same_as<T, std::vector<std::string>>) return "list";
  else return "text";
}

template <class T, class F>
std::optional<T> parse(Reader& reader, const F& field, const NameValue& item) {
  if constexpr (std::same_as<T, std::string>) {
    return field.is_free ? item.value : reader.choice(field.name, item, field.choices);
  } else if constexpr (std::same_as<T, Secret>) {
    return Secret(item.value);
  } else if constexpr (std::same_as<T, bool>) {
    return reader.boolean(field.name, item);
  } else if constexpr (is_integer<T>) {
    using L = std::numeric_limits<T>;
    const auto v = reader.integer(field.name, item, static_cast<std::int64_t>(L::min()), static_cast<std::uint64_t>(L::max()));
    return v ? std::optional<T>(static_cast<T>(*v)) : std::nullopt;
  } else if constexpr (std::floating_point<T>) {
    const auto v = reader.number(field.name, item);
    return v ? std::optional<T>(static_cast<T>(*v)) : std::nullopt;
  } else if constexpr (is_duration<T>) {
    const auto v = reader.duration(field.name, item);
    return v ? std::optional<T>(std::chrono::duration_cast<T>(*v)) : std::nullopt;
  } else {
    static_assert(std::same_as<T, std::vector<std::string>>, "this type of setting is not supported");
    return split_list(item.value);
  }
}

// `O` is S or a base of it, where settings share fields by inheritance.
template <class S, class O, class M>
void bind_one(Reader& reader, S& settings, const Field<O, M>& field) {
  using T = inner_t<M>;
  if constexpr (!std::same_as<T, Rest>) {
    const NameValue* item = reader.find(field.name, field.other_names);
    if (reader.comes_later(item)) return;
    if (field.is_required && (item == nullptr || item->value.empty())) {
      reader.absent(field.name, field.help, field.missing);
      return;
    }
    if (item == nullptr) return;
    auto value = parse<T>(reader, field, *item);
    if (!value) return;
    if constexpr (is_bounded<T>) {
      if (field.is_bounded && (*value < field.low || *value > field.high)) {
        reader.problem(
            field.name, *item,
            std::string(field.name) + " must be between " + show_value(field.low) + " and " + show_value(field.high) +
                ", got " + given(*item)
        );
        return;
      }
    }
    settings.*field.member = std::move(*value);
  }
}

template <class S, class O, class M>
void bind_rest(const Reader& reader, S& settings, const Field<O, M>& field) {
  if constexpr (std::same_as<M, Rest>) settings.*field.member = reader.rest();
}

template <class S, class O, class M>
FieldInfo describe_one(const S& defaults, const Field<O, M>& field) {
  using T = inner_t<M>;
  FieldInfo info;
  info.name = field.name;
  info.type = type_name<T>();
  info.help = field.help;
  info.required = field.is_required;
  info.secret = std::same_as<T, Secret>;
  info.free = field.is_free;
  if constexpr (std::same_as<M, T>) {
    if (!field.is_required) info.default_value = show_value(defaults.*field.member);
  }
  if (field.is_bounded) info.bounds = show_value(field.low) + " to " + show_value(field.high);
  for (const auto name : field.other_names) {
    if (!name.empty()) info.aliases.emplace_back(name);
  }
  for (const auto text : field.choices) {
    if (!text.empty()) info.choices.emplace_back(text);
  }
  return info;
}

template <class S>
constexpr Decoder decoder_of() {
  if constexpr (requires { S::decoder; }) return S::decoder;
  else return Decoder::lenient;
}

template <class S>
void bind_all(Reader& reader, S& settings) {
  const auto fields = S::fields();
  std::apply([&](const auto&... f) { (bind_one(reader, settings, f), ...); }, fields);
  std::apply([&](const auto&... f) { (bind_rest(reader, settings, f), ...); }, fields);
}

template <class S>
constexpr bool takes_rest() {
  return std::apply(
      []<class... F>(const F&...) { return (std::same_as<typename F::Inner, Rest> || ...); }, S::fields()
  );
}

}  // namespace fields_detail

// The settings, or one error that names every problem. A single problem with a text from the contract is that text alone. Settings
// with a text `failure` have it before the error.
template <class S>
Result<S> bind(const ComponentSpec& spec) {
  fields_detail::Reader reader(spec, fields_detail::decoder_of<S>());
  S settings;
  fields_detail::bind_all(reader, settings);
  auto outcome = reader.outcome();
  if constexpr (requires { S::failure; }) {
    if (!outcome) return fail(std::move(outcome).error().context(S::failure));
  }
  MECHA_TRY_VOID(std::move(outcome));
  return settings;
}

// The problems that bind() would find, before any secret is read.
template <class S>
std::vector<SettingProblem> check_settings(const ComponentSpec& spec) {
  fields_detail::Reader reader(spec, fields_detail::decoder_of<S>(), true);
  S settings;
  fields_detail::bind_all(reader, settings);
  return reader.problems();
}

// Items of the spec that no field of S names; worth a warning each.
template <class S>
std::vector<NameValue> unknown_items(const ComponentSpec& spec) {
  if constexpr (fields_detail::takes_rest<S>()) return {};
  fields_detail::Reader reader(spec, fields_detail::decoder_of<S>());
  S settings;
  fields_detail::bind_all(reader, settings);
  return reader.unknown();
}

template <class S>
std::vector<FieldInfo> describe_fields() {
  const S defaults{};
  std::vector<FieldInfo> list;
  const auto fields = S::fields();
  std::apply([&](const auto&... f) { (list.push_back(fields_detail::describe_one(defaults, f)), ...); }, fields);
  return list;
}

}  // namespace mecha
