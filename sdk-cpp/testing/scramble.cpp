// The documents of the fake: three lines that say what they are, the scrambled bytes, a check sum.

#include "testing/scramble.h"

#include <cstdio>

namespace mecha::testing::detail {
namespace {

constexpr std::string_view first_line = "mecha::testing: scrambled, not encrypted\n";
constexpr std::size_t sum_size = 16;
constexpr std::uint64_t sum_start = 14695981039346656037U;

std::uint64_t add_to(std::uint64_t sum, std::string_view plain) {
  for (const char c : plain) sum = (sum ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return sum;
}

std::string flipped(std::string_view from) {
  std::string to(from);
  for (char& c : to) c = static_cast<char>(c ^ '\x5a');
  return to;
}

std::string text_of(std::uint64_t sum) {
  char text[sum_size + 1];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(sum));
  return text;
}

Error broken(const std::string& cause) {
  return fail(Code::internal, "failed to perform operation: " + cause);
}

}  // namespace

// Second line: the key that the document names. Third: those that open it.
Scramble::Scramble(const EncryptOptions& options) : header_(first_line), sum_(sum_start) {
  const auto& own = options.decryption_key.empty() ? options.key : options.decryption_key;
  header_ += (options.omit_decryption_key ? "" : own) + "\n" + options.key + "\t" + own + "\n";
}

Result<std::string> Scramble::add(std::string_view piece) {
  sum_ = add_to(sum_, piece);
  return std::exchange(header_, {}) + flipped(piece);
}

Result<std::string> Scramble::end() { return std::exchange(header_, {}) + text_of(sum_); }

// False: more of it must come first.
Result<bool> Unscramble::read_header() {
  const auto known = std::min(rest_.size(), first_line.size());
  if (rest_.compare(0, known, first_line.substr(0, known)) != 0)
    return broken("invalid header: the document was not made by this fake");
  const auto second = rest_.find('\n', first_line.size());
  const auto third = second == std::string::npos ? second : rest_.find('\n', second + 1);
  if (third == std::string::npos) return false;
  const auto named = rest_.substr(first_line.size(), second - first_line.size());
  const auto line = rest_.substr(second + 1, third - second - 1);
  if (key_.empty()) key_ = named;
  if (key_.empty()) {
    return broken("document's manifest does not contain a key name, and no key name was provided");
  }
  const auto tab = line.find('\t');
  if (key_ != line.substr(0, tab) && key_ != line.substr(tab + 1))
    return broken("failed to validate the document's signature");
  rest_.erase(0, third + 1);
  sum_ = sum_start;
  in_body_ = true;
  return true;
}

Result<std::string> Unscramble::add(std::string_view piece) {
  rest_ += piece;
  if (!in_body_) {
    auto there = read_header();
    if (!there.has_value()) return std::move(there).error();
    if (!*there) return std::string();
  }
  if (rest_.size() <= sum_size) return std::string();
  auto plain = flipped(std::string_view(rest_).substr(0, rest_.size() - sum_size));
  rest_.erase(0, plain.size());
  sum_ = add_to(sum_, plain);
  return plain;
}

Result<std::string> Unscramble::end() {
  if (!in_body_) return broken("invalid header: the document is too short");
  if (rest_ != text_of(sum_)) return broken("error processing segment 0: failed to decrypt segment");
  return std::string();
}

}  // namespace mecha::testing::detail
