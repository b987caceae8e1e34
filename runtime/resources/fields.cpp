#include "runtime/resources/fields.hpp"

#include <algorithm>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::fields_detail {
namespace {

std::string must_be(std::string_view name, std::string_view what, const NameValue& item) {
  return std::string(name) + " must be " + std::string(what) + ", got " +
         (item.secret ? given(item) : text::quote(item.value));
}

// Base by prefix: 0x, 0o or a leading 0, 0b; underscores are not taken.
std::optional<std::int64_t> based_integer(std::string_view s) {
  const bool negative = s.starts_with('-');
  std::string_view digits = negative || s.starts_with('+') ? s.substr(1) : s;
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char mark = static_cast<char>(digits[1] | 0x20);
    base = mark == 'x' ? 16 : mark == 'b' ? 2 : 8;
    digits.remove_prefix(mark == 'x' || mark == 'b' || mark == 'o' ? 2 : 1);
  }
  if (base == 10) return text::to_int(s);
  if (digits.empty()) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : digits) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : 99;
    if (digit >= base || value > (std::numeric_limits<std::int64_t>::max() - digit) / base) return std::nullopt;
    value = value * base + digit;
  }
  return negative ? -value : value;
}

}  // namespace

std::string given(const NameValue& item) { return item.secret ? "a secret" : item.value; }

Reader::Reader(const ComponentSpec& spec, Decoder decoder, bool early)
    : spec_(spec), decoder_(decoder), early_(early), used_(spec.metadata.size(), false) {
  if (decoder != Decoder::lenient) return;
  for (std::size_t i = 0; i < spec.metadata.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const auto& a = spec.metadata[i].name;
      const auto& b = spec.metadata[k].name;
      if (a == b || !text::equals_nocase(a, b)) continue;
      problems_.push_back({.key = a, .text = "key " + text::lower(a) + " is duplicate in the metadata"});
      break;
    }
  }
}

// Of repeated names the last wins; an exact spelling wins over another.
const NameValue* Reader::find(std::string_view name, const std::array<std::string_view, 4>& aliases) {
  const auto one = [this](std::string_view wanted) -> const NameValue* {
    const NameValue* exact = nullptr;
    const NameValue* other = nullptr;
    for (std::size_t i = 0; i < spec_.metadata.size(); ++i) {
      const auto& item = spec_.metadata[i];
      if (!text::equals_nocase(item.name, wanted)) continue;
      used_[i] = true;
      (item.name == wanted ? exact : other) = &item;
    }
    return exact != nullptr ? exact : other;
  };
  const NameValue* found = one(name);
  for (const auto alias : aliases) {
    if (alias.empty()) break;
    const NameValue* next = one(alias);
    if (found == nullptr) found = next;
  }
  return found;
}

void Reader::problem(std::string_view name, const NameValue& item, std::string text) {
  problems_.push_back({.location = item.location, .key = std::string(name), .text = std::move(text)});
}

void Reader::absent(std::string_view name, std::string_view help, std::string_view exact) {
  auto text = exact.empty() ? std::string(name) + " is required: " + std::string(help) : std::string(exact);
  problems_.push_back({.key = std::string(name), .text = std::move(text)});
}

std::optional<bool> Reader::boolean(std::string_view name, const NameValue& item) {
  if (decoder_ == Decoder::lenient) return text::truthy(item.value);
  const auto value = text::strict_bool(item.value);
  if (!value) problem(name, item, must_be(name, "true or false", item));
  return value;
}

std::optional<std::int64_t> Reader::integer(
    std::string_view name, const NameValue& item, std::int64_t least, std::uint64_t most
) {
  if (item.value.empty() && decoder_ == Decoder::lenient) return 0;
  const auto value = decoder_ == Decoder::lenient ? based_integer(item.value) : text::to_int(item.value);
  if (!value || *value < least || (*value > 0 && static_cast<std::uint64_t>(*value) > most)) {
    problem(name, item, must_be(name, "a whole number", item));
    return std::nullopt;
  }
  return value;
}

std::optional<double> Reader::number(std::string_view name, const NameValue& item) {
  if (item.value.empty() && decoder_ == Decoder::lenient) return 0;
  const auto value = text::to_double(item.value);
  if (!value) problem(name, item, must_be(name, "a number", item));
  return value;
}

std::optional<std::chrono::nanoseconds> Reader::duration(std::string_view name, const NameValue& item) {
  using namespace std::chrono_literals;
  if (item.value.empty() && decoder_ == Decoder::lenient) return 0ns;
  const std::chrono::nanoseconds unit = decoder_ == Decoder::lenient ? std::chrono::nanoseconds(1s) : 1ms;
  const auto value = text::duration_or(item.value, unit);
  if (!value) {
    // The words of the contract where a decoder of the lenient kind refuses one.
    const auto prefix = decoder_ == Decoder::lenient ? "error decoding '" + std::string(name) + "': " : std::string();
    problem(name, item, prefix + must_be(name, "a duration", item));
  }
  return value;
}

std::optional<std::string> Reader::choice(
    std::string_view name, const NameValue& item, const std::array<std::string_view, 12>& choices
) {
  if (choices[0].empty()) return item.value;
  if (item.value.empty() && decoder_ == Decoder::lenient) return std::nullopt;  // the default stays
  std::string list;
  for (const auto text : choices) {
    if (text.empty()) break;
    if (text::equals_nocase(text, item.value)) return std::string(text);
    list += (list.empty() ? "" : ", ") + std::string(text);
  }
  problem(name, item, must_be(name, "one of " + list, item));
  return std::nullopt;
}

Rest Reader::rest() const {
  Rest map;
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (!used_[i]) map.insert_or_assign(spec_.metadata[i].name, spec_.metadata[i].value);
  }
  return map;
}

std::vector<NameValue> Reader::unknown() const {
  std::vector<NameValue> list;
  for (std::size_t i = 0; i < used_.size(); ++i) {
    if (!used_[i]) list.push_back(spec_.metadata[i]);
  }
  return list;
}

Result<void> Reader::outcome() const {
  if (problems_.empty()) return {};
  std::vector<std::string> texts;
  for (const auto& [location, key, text] : problems_) {
    texts.push_back(location.file.empty() ? text : text + " (" + location.text() + ")");
  }
  return fail(Code::invalid_argument, text::join(texts, "; "));
}

std::string show(bool v) { return v ? "true" : "false"; }
std::string show(std::int64_t v) { return std::to_string(v); }
std::string show(double v) { return json::format_double_g(v); }
std::string show(std::chrono::nanoseconds v) { return text::format_go_duration(v); }

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> list;
  if (text.empty()) return list;
  for (const auto part : text::split(text, ',')) list.emplace_back(part);
  return list;
}

}  // namespace mecha::fields_detail
