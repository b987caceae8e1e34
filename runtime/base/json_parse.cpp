// Reading. One pass without recursion; the messages are those of Go's scanner (encoding/json/scanner.go).

#include <cstddef>
#include <utility>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_utf8.hpp"

namespace mecha::json {
namespace {

constexpr std::size_t kDepthMax = 10'000;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A byte as Go shows it: the character of that number, quoted with apostrophes.
std::string quoted(char c) {
  if (c == '\'') return "'\\''";
  if (c == '"') return "'\"'";
  std::string character;
  text::append_utf8(character, static_cast<unsigned char>(c));
  std::string shown = text::quote(character);
  shown.front() = shown.back() = '\'';
  return shown;
}

class Parser {
 public:
  Parser(std::string_view text, bool whole) : at_(text.data()), end_(text.data() + text.size()), whole_(whole) {}

  Result<Value> run() {
    Value root;
    skip_space();
    if (at_ == end_) return fail(Code::invalid_argument, whole_ ? "unexpected end of JSON input" : "EOF");
    if (!read(root)) return fail(Code::invalid_argument, std::move(error_));
    if (whole_) {
      skip_space();
      if (at_ != end_) {
        wrong("after top-level value");
        return fail(Code::invalid_argument, std::move(error_));
      }
    }
    return root;
  }

 private:
  void skip_space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\r' || *at_ == '\t')) ++at_;
  }

  bool wrong(std::string_view where) {
    if (at_ == end_) return early(where);
    error_.append("invalid character ").append(quoted(*at_)).append(" ").append(where);
    return false;
  }

  // The text ended. Go's Unmarshal tries a blank then, which fails with `where` in the middle of a token.
  bool early(std::string_view where = {}) {
    if (!whole_) {
      error_ = "unexpected EOF";
    } else if (where.empty()) {
      error_ = "unexpected end of JSON input";
    } else {
      error_.append("invalid character ' ' ").append(where);
    }
    return false;
  }

  // Reads one value with all that is in it. `open_` holds the containers that are not closed yet.
  bool read(Value& root) {
    Value* slot = &root;
    for (;;) {
      bool opened = false;
      if (!read_start(*slot, opened)) return false;
      if (opened && !open_is_empty()) {
        if (!enter(slot)) return false;
        continue;
      }
      if (opened) ++at_;
      // A value is complete: go on in its container, or close that.
      for (;;) {
        if (opened) open_.pop_back();
        if (open_.empty()) return true;
        opened = false;
        if (!next(slot, opened)) return false;
        if (!opened) break;  // a slot for the next value
      }
    }
  }

  // Behind the opening bracket: whether the closing one follows at once.
  bool open_is_empty() {
    skip_space();
    return at_ != end_ && *at_ == (open_.back()->is_array() ? ']' : '}');
  }

  // The slot of the first value of the container just opened.
  bool enter(Value*& slot) {
    if (open_.back()->is_array()) {
      slot = &open_.back()->as_array().emplace_back();
      skip_space();
      return true;
    }
    return read_name(slot);
  }

  // Behind a value: takes the comma and makes the next slot, or the closing bracket (`closed`).
  bool next(Value*& slot, bool& closed) {
    skip_space();
    if (at_ == end_) return early();
    Value& container = *open_.back();
    const bool is_array = container.is_array();
    if (*at_ == ',') {
      ++at_;
      skip_space();
      if (!is_array) return read_name(slot);
      slot = &container.as_array().emplace_back();
      return true;
    }
    if (*at_ == (is_array ? ']' : '}')) {
      ++at_;
      closed = true;
      return true;
    }
    return wrong(is_array ? "after array element" : "after object key:value pair");
  }

  bool read_name(Value*& slot) {
    skip_space();
    if (at_ == end_) return early();
    if (*at_ != '"') return wrong("looking for beginning of object key string");
    std::string name;
    if (!read_string(name)) return false;
    skip_space();
    if (at_ == end_) return early();
    if (*at_ != ':') return wrong("after object key");
    ++at_;
    skip_space();
    Object& object = open_.back()->as_object();
    // Documents that we wrote ourselves are sorted: the new member mostly is the last.
    const auto member = object.try_emplace(object.end(), std::move(name));
    slot = &member->second;
    return true;
  }

  // Reads a scalar into `slot`, or opens a container.
  bool read_start(Value& slot, bool& opened) {
    if (at_ == end_) return early();
    switch (*at_) {
      case '{': opened = true; return open(slot, Value(Object()));
      case '[': opened = true; return open(slot, Value(Array()));
      case '"': {
        std::string text;
        if (!read_string(text)) return false;
        slot = Value(std::move(text));
        return true;
      }
      case 't': slot = Value(true); return read_word("true");
      case 'f': slot = Value(false); return read_word("false");
      case 'n': slot = Value(); return read_word("null");
      default: break;
    }
    if (*at_ == '-' || is_digit(*at_)) return read_number(slot);
    return wrong("looking for beginning of value");
  }

  bool open(Value& slot, Value container) {
    if (open_.size() >= kDepthMax) return wrong("exceeded max depth");
    slot = std::move(container);
    if (open_.empty()) open_.reserve(16);
    open_.push_back(&slot);
    ++at_;
    return true;
  }

  bool read_word(std::string_view word) {
    for (std::size_t i = 0; i < word.size(); ++i, ++at_) {
      if (at_ != end_ && *at_ == word[i]) continue;
      return wrong(std::string("in literal ").append(word).append(" (expecting '") + word[i] + "')");
    }
    return true;
  }

  bool skip_digits(std::string_view where) {
    if (at_ == end_ || !is_digit(*at_)) return wrong(where);
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return true;
  }

  bool read_number(Value& slot) {
    const char* const start = at_;
    if (*at_ == '-') ++at_;
    if (at_ != end_ && *at_ == '0') {
      ++at_;
    } else if (!skip_digits("in numeric literal")) {
      return false;
    }
    if (at_ != end_ && *at_ == '.') {
      ++at_;
      if (!skip_digits("after decimal point in numeric literal")) return false;
    }
    if (at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
      ++at_;
      if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
      if (!skip_digits("in exponent of numeric literal")) return false;
    }
    slot = Value(Number{std::string(start, at_)});
    return true;
  }

  // At the opening quote. Runs without escapes are taken as they are.
  bool read_string(std::string& out) {
    ++at_;
    bool ascii = true;
    for (;;) {
      const char* const start = at_;
      while (at_ != end_ && *at_ != '"' && *at_ != '\\' && static_cast<unsigned char>(*at_) >= 0x20) {
        ascii = ascii && static_cast<unsigned char>(*at_) < 0x80;
        ++at_;
      }
      out.append(start, at_);
      if (at_ == end_) return early();
      if (*at_ == '"') break;
      if (*at_ != '\\') return wrong("in string literal");
      ++at_;
      if (!read_escape(out)) return false;
    }
    ++at_;
    if (!ascii && !text::is_utf8(out)) out = text::sanitize_utf8(out);
    return true;
  }

  bool read_escape(std::string& out) {
    if (at_ == end_) return wrong("in string escape code");
    switch (*at_) {
      case '"':
      case '\\':
      case '/': out.push_back(*at_); break;
      case 'b': out.push_back('\b'); break;
      case 'f': out.push_back('\f'); break;
      case 'n': out.push_back('\n'); break;
      case 'r': out.push_back('\r'); break;
      case 't': out.push_back('\t'); break;
      case 'u': ++at_; return read_unicode(out);
      default: return wrong("in string escape code");
    }
    ++at_;
    return true;
  }

  bool read_unicode(std::string& out) {
    char32_t first = 0;
    if (!read_hex(first)) return false;
    if (first >= 0xD800 && first < 0xDC00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
      // Only a whole pair is one character; a second half that is none is read again by itself.
      char32_t second = 0;
      bool is_hex = true;
      for (int i = 2; i < 6; ++i) {
        const int digit = text::hex_value(at_[i]);
        is_hex = is_hex && digit >= 0;
        second = second << 4 | static_cast<char32_t>(digit & 15);
      }
      if (is_hex && second >= 0xDC00 && second < 0xE000) {
        at_ += 6;
        first = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
      }
    }
    text::append_utf8(out, first);  // a lone half becomes U+FFFD there
    return true;
  }

  bool read_hex(char32_t& value) {
    for (int i = 0; i < 4; ++i, ++at_) {
      const int digit = at_ == end_ ? -1 : text::hex_value(*at_);
      if (digit < 0) return wrong("in \\u hexadecimal character escape");
      value = value << 4 | static_cast<char32_t>(digit);
    }
    return true;
  }

  const char* at_;
  const char* end_;
  bool whole_;
  std::vector<Value*> open_;  // stable: a container grows only while it is the innermost
  std::string error_;
};

}  // namespace

Result<Value> parse(std::string_view text, bool whole) { return Parser(text, whole).run(); }

}  // namespace mecha::json
