#include "components/aws/xml.hpp"

#include <cstdint>
#include <optional>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha::aws {
namespace {

constexpr int kDepthMax = 32;
constexpr std::string_view kBlanks = " \t\r\n";

std::unexpected<Error> wrong(std::string why) { return fail(Code::internal, "the answer is no valid XML: " + std::move(why)); }

void add_utf8(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += {static_cast<char>(0xc0 | point >> 6), static_cast<char>(0x80 | (point & 0x3f))};
  } else if (point < 0x10000) {
    out += {static_cast<char>(0xe0 | point >> 12), static_cast<char>(0x80 | (point >> 6 & 0x3f)), static_cast<char>(0x80 | (point & 0x3f))};
  } else {
    out += {static_cast<char>(0xf0 | point >> 18), static_cast<char>(0x80 | (point >> 12 & 0x3f)), static_cast<char>(0x80 | (point >> 6 & 0x3f)),
            static_cast<char>(0x80 | (point & 0x3f))};
  }
}

// "#10", "#x1F600" or "#xA".
std::optional<std::uint32_t> character(std::string_view reference) {
  const bool in_hex = reference.starts_with("#x");
  std::uint32_t point = 0;
  const auto digits = reference.substr(in_hex ? 2 : 1);
  for (const char c : digits) {
    const int digit = text::hex_value(c);
    if (digit < 0 || (!in_hex && digit > 9)) return std::nullopt;
    point = point * (in_hex ? 16 : 10) + static_cast<std::uint32_t>(digit);
    if (point > 0x10ffff) return std::nullopt;
  }
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return digits.empty() || surrogate || point == 0 ? std::nullopt : std::optional(point);
}

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  Result<Element> document() {
    MECHA_TRY_VOID(pass_over());
    MECHA_TRY(auto root, element(1));
    MECHA_TRY_VOID(pass_over());
    if (!rest_.empty()) return wrong("something stands behind its root");
    return root;
  }

 private:
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  // What stands before `end`, which is taken too.
  Result<std::string_view> until(std::string_view end) {
    const auto at = rest_.find(end);
    if (at == std::string_view::npos) return wrong("it ends early");
    const auto before = rest_.substr(0, at);
    rest_.remove_prefix(at + end.size());
    return before;
  }

  // Blanks, comments and instructions between elements.
  Result<void> pass_over() {
    for (;;) {
      rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlanks), rest_.size()));
      if (take("<?")) {
        MECHA_TRY_VOID(until("?>"));
      } else if (take("<!--")) {
        MECHA_TRY_VOID(until("-->"));
      } else {
        return {};
      }
    }
  }

  // Up to the > of a tag; one within quotes is none.
  Result<std::string_view> tag() {
    char quote = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
      const char c = rest_[i];
      if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        const auto inside = rest_.substr(0, i);
        rest_.remove_prefix(i + 1);
        return inside;
      }
    }
    return wrong("it ends early");
  }

  Result<Element> element(int depth) {
    if (depth > kDepthMax) return wrong("too many levels");
    if (!take("<")) return wrong("an element is missing");
    MECHA_TRY(auto inside, tag());
    const bool empty = inside.ends_with('/');
    if (empty) inside.remove_suffix(1);
    Element made{.name = std::string(inside.substr(0, inside.find_first_of(kBlanks))), .text = {}, .children = {}};
    if (made.name.empty() || made.name.find_first_of("!?/<&\"'=") != std::string::npos) return wrong("bad name of an element");
    if (!empty) MECHA_TRY_VOID(content(made, depth));
    return made;
  }

  Result<void> content(Element& of, int depth) {
    for (;;) {
      const auto at = std::min(rest_.find_first_of("<&"), rest_.size());
      of.text += rest_.substr(0, at);
      rest_.remove_prefix(at);
      if (rest_.empty()) return wrong("it ends early");
      if (take("</")) {
        MECHA_TRY(const auto name, until(">"));
        if (text::trim(name) != of.name) return wrong("an element ends as another");
        return {};
      }
      if (take("&")) {
        MECHA_TRY_VOID(reference(of.text));
      } else if (take("<![CDATA[")) {
        MECHA_TRY(const auto inside, until("]]>"));
        of.text += inside;
      } else if (rest_.starts_with("<!--") || rest_.starts_with("<?")) {
        MECHA_TRY_VOID(take("<?") ? until("?>") : until("-->"));
      } else {
        MECHA_TRY(auto child, element(depth + 1));
        of.children.push_back(std::move(child));
      }
    }
  }

  Result<void> reference(std::string& out) {
    MECHA_TRY(const auto name, until(";"));
    static constexpr std::pair<std::string_view, char> kKnown[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    for (const auto& [known, c] : kKnown) {
      if (name != known) continue;
      out += c;
      return {};
    }
    const auto point = name.starts_with('#') ? character(name) : std::nullopt;
    if (!point) return wrong("unknown reference");
    add_utf8(out, *point);
    return {};
  }

  std::string_view rest_;
};

}  // namespace

const Element* Element::find(std::string_view child) const {
  for (const auto& one : children) {
    if (one.name == child) return &one;
  }
  return nullptr;
}

std::string_view Element::text_of(std::string_view child) const {
  const auto* one = find(child);
  return one == nullptr ? std::string_view() : std::string_view(one->text);
}

Result<Element> parse_xml(std::string_view text) { return Reader(text).document(); }

}  // namespace mecha::aws
