// Writing, in the dialects of the contract (02, section 1.4).

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "runtime/base/json.hpp"
#include "runtime/base/text_utf8.hpp"

namespace mecha::json {
namespace {

enum class Escapes : std::uint8_t { html, go, fast };

constexpr std::string_view kHex = "0123456789abcdef";

// What needs a look before it is written; everything else is copied in runs. Bytes from 0x80 on may be U+2028 or bad.
constexpr auto make_special(bool html, bool high) {
  std::array<bool, 256> special{};
  for (std::size_t c = 0; c < 0x20; ++c) special[c] = true;
  for (std::size_t c = 0x80; c < 0x100; ++c) special[c] = high;
  special['"'] = special['\\'] = true;
  special['<'] = special['>'] = special['&'] = html;
  return special;
}
constexpr auto kSpecialHtml = make_special(true, true);
constexpr auto kSpecialPlain = make_special(false, true);

void append_ascii(std::string& out, char c, bool short_forms) {
  out.push_back('\\');
  switch (c) {
    case '"':
    case '\\': out.push_back(c); return;
    case '\n': out.push_back('n'); return;
    case '\r': out.push_back('r'); return;
    case '\t': out.push_back('t'); return;
    case '\b':
    case '\f':
      if (!short_forms) break;
      out.push_back(c == '\b' ? 'b' : 'f');
      return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out.append("u00");
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 15]);
}

void append_string(std::string& out, std::string_view text, Escapes escapes) {
  const auto& special = escapes == Escapes::html ? kSpecialHtml : kSpecialPlain;
  out.push_back('"');
  std::size_t start = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (!special[static_cast<unsigned char>(text[i])]) {
      ++i;
      continue;
    }
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      out.append(text, start, i - start);
      append_ascii(out, text[i], escapes != Escapes::fast);
      start = ++i;
      continue;
    }
    const text::Decoded c = text::decode_utf8(text.substr(i));
    const bool line_end = (c.value == 0x2028 || c.value == 0x2029) && escapes != Escapes::fast;
    if (!c.valid || line_end) {
      out.append(text, start, i - start);
      out.append(!c.valid ? "\\ufffd" : c.value == 0x2028 ? "\\u2028" : "\\u2029");
      start = i + c.size;
    }
    i += c.size;
  }
  out.append(text, start);
  out.push_back('"');
}

// Up to 15 digits are exact in a double, and its shortest form is the same text.
bool is_small_integer(std::string_view text) {
  const std::size_t sign = text.starts_with('-') ? 1 : 0;
  if (text.size() - sign > 15) return false;
  for (const char c : text.substr(sign)) {
    if (c < '0' || c > '9') return false;
  }
  return true;
}

// Up to 6 decimals, half away from zero, as the reference's fast encoder does it.
void append_fast(std::string& out, double value) {
  constexpr double kLossyMax = 0x4ffffff;
  if (std::abs(value) > kLossyMax) {
    out.append(format_double(value));
    return;
  }
  if (value < 0) out.push_back('-');
  constexpr std::uint64_t kUnit = 1'000'000;
  const auto scaled = static_cast<std::uint64_t>(std::abs(value) * static_cast<double>(kUnit) + 0.5);
  out.append(std::to_string(scaled / kUnit));
  if (scaled % kUnit == 0) return;
  std::string digits = std::to_string(kUnit + scaled % kUnit);
  digits[0] = '.';
  digits.erase(digits.find_last_not_of('0') + 1);
  out.append(digits);
}

void append_number(std::string& out, const Value& value, Dialect dialect) {
  const std::string& text = value.number_text();
  if (dialect == Dialect::number_text || (is_small_integer(text) && text != "-0")) {
    out.append(text);
    return;
  }
  const double number = value.as_double();
  if (!std::isfinite(number)) {
    out.append(text);  // refused before by those who must; never anything that is no JSON
  } else if (dialect == Dialect::fast) {
    append_fast(out, number);
  } else {
    out.append(format_double(number));
  }
}

class Writer {
 public:
  Writer(std::string& out, Dialect dialect)
      : out_(out), dialect_(dialect), escapes_(dialect == Dialect::fast ? Escapes::fast : Escapes::html) {}

  void run(const Value& root) {
    put(root);
    while (!open_.empty()) {
      if (open_.back().container->is_array()) {
        step_array();
      } else {
        step_object();
      }
    }
  }

 private:
  struct Frame {
    const Value* container;
    std::size_t index = 0;
    Object::const_iterator member;
  };

  // A scalar or an empty container as a whole; else the bracket, and a frame for the rest.
  void put(const Value& value) {
    if (value.is_string()) {
      append_string(out_, value.as_string(), escapes_);
    } else if (value.is_number()) {
      append_number(out_, value, dialect_);
    } else if (value.is_bool()) {
      out_.append(value.as_bool() ? "true" : "false");
    } else if (value.is_array()) {
      out_.push_back('[');
      open_.push_back({.container = &value, .index = 0, .member = {}});
    } else if (value.is_object()) {
      out_.push_back('{');
      open_.push_back({.container = &value, .index = 0, .member = value.as_object().begin()});
    } else {
      out_.append("null");
    }
  }

  // Both write on until a child opens a frame of its own (which may move the others) or the end is reached.
  void step_array() {
    const std::size_t depth = open_.size();
    const Array& array = open_.back().container->as_array();
    while (open_.back().index < array.size()) {
      const std::size_t index = open_.back().index++;
      if (index > 0) out_.push_back(',');
      put(array[index]);
      if (open_.size() != depth) return;
    }
    out_.push_back(']');
    open_.pop_back();
  }

  void step_object() {
    const std::size_t depth = open_.size();
    const Object& object = open_.back().container->as_object();
    while (open_.back().member != object.end()) {
      const auto member = open_.back().member++;
      if (member != object.begin()) out_.push_back(',');
      append_string(out_, member->first, escapes_);
      out_.push_back(':');
      put(member->second);
      if (open_.size() != depth) return;
    }
    out_.push_back('}');
    open_.pop_back();
  }

  std::string& out_;
  Dialect dialect_;
  Escapes escapes_;
  std::vector<Frame> open_;
};

}  // namespace

std::string write(const Value& value, Dialect dialect) {
  std::string out;
  write_to(out, value, dialect);
  return out;
}

void write_to(std::string& out, const Value& value, Dialect dialect) { Writer(out, dialect).run(value); }

void write_string(std::string& out, std::string_view text, bool escape_html) {
  append_string(out, text, escape_html ? Escapes::html : Escapes::go);
}

void write_texts(std::string& out, const std::map<std::string, std::string, std::less<>>& texts) {
  out += '{';
  for (bool first = true; const auto& [name, text] : texts) {
    if (!std::exchange(first, false)) out += ',';
    write_string(out, name);
    out += ':';
    write_string(out, text);
  }
  out += '}';
}

}  // namespace mecha::json
