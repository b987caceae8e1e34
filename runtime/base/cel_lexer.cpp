// CEL: source to tokens.

#include <array>
#include <charconv>

#include "runtime/base/cel_ast.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_utf8.hpp"

namespace mecha::cel {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

constexpr std::array<std::string_view, 25> kSymbols{"==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%",
                                                    "!",  "?",  ":",  ".",  ",",  "(",  ")", "[", "]", "{", "}", "="};

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  Result<std::vector<Lexeme>> run() {
    std::vector<Lexeme> lexemes;
    for (;;) {
      skip_blanks();
      Lexeme lexeme{.at = at_};
      if (at_ == source_.size()) {
        lexemes.push_back(std::move(lexeme));
        return lexemes;
      }
      MECHA_TRY_VOID(read(lexeme));
      lexemes.push_back(std::move(lexeme));
    }
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }

  void skip_blanks() {
    while (at_ < source_.size()) {
      const char c = source_[at_];
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        ++at_;
      } else if (source_.substr(at_).starts_with("//")) {
        at_ = std::min(source_.find('\n', at_), source_.size());
      } else {
        return;
      }
    }
  }

  std::unexpected<Error> wrong(std::size_t at, std::string_view message) const {
    return fail(error_at(source_, at, "Syntax error: " + std::string(message)));
  }

  Result<void> read(Lexeme& lexeme) {
    if (is_digit(peek()) || (peek() == '.' && is_digit(peek(1)))) return read_number(lexeme);
    if (const std::size_t prefix = string_prefix(); peek(prefix) == '"' || peek(prefix) == '\'') {
      return read_string(lexeme, source_.substr(at_, prefix));
    }
    if (is_letter(peek())) {
      const std::size_t start = at_;
      while (is_letter(peek()) || is_digit(peek())) ++at_;
      lexeme.token = Token::identifier;
      lexeme.text = source_.substr(start, at_ - start);
      return {};
    }
    for (const auto symbol : kSymbols) {
      if (symbol == "=" || !source_.substr(at_).starts_with(symbol)) continue;
      lexeme.token = Token::symbol;
      lexeme.text = symbol;
      at_ += symbol.size();
      return {};
    }
    const auto character = source_.substr(at_, text::decode_utf8(source_.substr(at_)).size);
    return wrong(at_, "token recognition error at: '" + text::sanitize_utf8(character) + "'");
  }

  // Length of r, b, rb or br in front of a quote.
  std::size_t string_prefix() const {
    std::size_t length = 0;
    bool raw = false;
    bool bytes = false;
    for (; length < 2; ++length) {
      const char c = peek(length);
      bool& seen = c == 'r' || c == 'R' ? raw : bytes;
      if ((c != 'r' && c != 'R' && c != 'b' && c != 'B') || seen) break;
      seen = true;
    }
    return length;
  }

  Result<void> read_number(Lexeme& lexeme) {
    const std::size_t start = at_;
    lexeme.token = Token::literal;
    if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X') && is_hex(peek(2))) {
      at_ += 2;
      const std::size_t digits = at_;
      while (is_hex(peek())) ++at_;
      return finish_integer(lexeme, start, source_.substr(digits, at_ - digits), 16);
    }
    while (is_digit(peek())) ++at_;
    bool is_double = false;
    if (peek() == '.' && is_digit(peek(1))) {
      is_double = true;
      ++at_;
      while (is_digit(peek())) ++at_;
    }
    const std::size_t sign = peek(1) == '+' || peek(1) == '-' ? 1 : 0;
    if ((peek() == 'e' || peek() == 'E') && is_digit(peek(1 + sign))) {
      is_double = true;
      at_ += 1 + sign;
      while (is_digit(peek())) ++at_;
    }
    const auto digits = source_.substr(start, at_ - start);
    if (!is_double) return finish_integer(lexeme, start, digits, 10);
    const auto value = text::to_double(digits);
    if (!value) return fail(error_at(source_, start, "invalid double literal"));
    lexeme.value = *value;
    return {};
  }

  Result<void> finish_integer(Lexeme& lexeme, std::size_t start, std::string_view digits, int base) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    const bool is_unsigned = peek() == 'u' || peek() == 'U';
    if (is_unsigned) ++at_;
    if (error != std::errc()) {
      return fail(error_at(source_, start, is_unsigned ? "invalid uint literal" : "invalid int literal"));
    }
    lexeme.value = value;
    lexeme.is_plain_int = !is_unsigned;
    return {};
  }

  Result<void> read_string(Lexeme& lexeme, std::string_view prefix) {
    const std::size_t start = at_;
    const bool raw = prefix.find_first_of("rR") != std::string_view::npos;
    const bool bytes = prefix.find_first_of("bB") != std::string_view::npos;
    at_ += prefix.size();
    const std::string_view rest = source_.substr(at_);
    const bool is_long = rest.starts_with(R"(""")") || rest.starts_with("'''");
    const std::string_view quote = rest.substr(0, is_long ? 3 : 1);
    at_ += quote.size();
    std::string out;
    while (!source_.substr(at_).starts_with(quote)) {
      const char c = peek();
      if (at_ == source_.size() || (!is_long && (c == '\n' || c == '\r'))) {
        return wrong(start, "token recognition error at: '" + text::sanitize_utf8(source_.substr(start, at_ - start)) + "'");
      }
      ++at_;
      if (c != '\\' || raw) {
        out.push_back(c);
        // A quote behind a backslash does not end a raw text either, and both stay.
        if (c == '\\' && at_ < source_.size() && (is_long || (peek() != '\n' && peek() != '\r'))) out.push_back(source_[at_++]);
      } else if (!read_escape(out, bytes)) {
        return wrong(start, "token recognition error at: '" + text::sanitize_utf8(source_.substr(start, at_ - start)) + "'");
      }
    }
    at_ += quote.size();
    lexeme.token = Token::literal;
    if (bytes) {
      lexeme.value = Bytes{std::move(out)};
    } else {
      lexeme.value = text::sanitize_utf8(out);
    }
    return {};
  }

  // Behind the backslash. In bytes, numbers are bytes and not characters.
  bool read_escape(std::string& out, bool bytes) {
    constexpr std::string_view kPlain = "\\?\"'`";
    constexpr std::string_view kNames = "abfnrtv";
    constexpr std::string_view kValues = "\a\b\f\n\r\t\v";
    const char c = peek();
    ++at_;
    if (c != '\0' && kPlain.find(c) != std::string_view::npos) {
      out.push_back(c);
      return true;
    }
    if (const auto index = kNames.find(c); c != '\0' && index != std::string_view::npos) {
      out.push_back(kValues[index]);
      return true;
    }
    if (c == 'x' || c == 'X') return read_code(out, 2, 16, bytes);
    if (c == 'u' && !bytes) return read_code(out, 4, 16, false);
    if (c == 'U' && !bytes) return read_code(out, 8, 16, false);
    if (c < '0' || c > '3') return false;
    --at_;
    return read_code(out, 3, 8, bytes);
  }

  bool read_code(std::string& out, std::size_t length, int base, bool byte) {
    const std::string_view digits = source_.substr(std::min(at_, source_.size()), length);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (digits.size() != length || error != std::errc() || end != digits.data() + length) return false;
    at_ += length;
    if (byte) {
      out.push_back(static_cast<char>(value));
      return true;
    }
    if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return false;
    text::append_utf8(out, value);
    return true;
  }

  std::string_view source_;
  std::size_t at_ = 0;
};

}  // namespace

Error error_at(std::string_view source, std::size_t at, std::string_view message) {
  const std::size_t before = at == 0 ? std::string_view::npos : source.rfind('\n', at - 1);
  const std::size_t start = before == std::string_view::npos ? 0 : before + 1;
  const std::string_view line = source.substr(start, source.find('\n', start) - start);
  const std::size_t column = text::count_utf8(source.substr(start, at - start));
  std::size_t number = 1;
  for (const char c : source.substr(0, start)) number += c == '\n' ? 1 : 0;
  std::string text = "ERROR: <input>:" + std::to_string(number) + ":" + std::to_string(column + 1) + ": ";
  text.append(message).append("\n | ").append(line).append("\n | ").append(column, '.').append("^");
  return {.code = Code::invalid_argument, .message = std::move(text)};
}

Result<std::vector<Lexeme>> tokenize(std::string_view source) { return Lexer(source).run(); }

}  // namespace mecha::cel
