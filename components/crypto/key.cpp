// What a key is, whatever it was written in: raw bytes, and the choice between the forms.

#include "components/crypto/key.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::crypto {
namespace {

bool is_key_length(std::size_t size) { return size == 16 || size == 24 || size == 32; }

// Both alphabets, without padding.
std::optional<std::string> from_any_base64(std::string_view text) {
  std::string standard(text);
  if (auto bytes = text::from_base64(standard, false)) return bytes;
  for (auto& c : standard) {
    if (c == '+' || c == '/') return std::nullopt;
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  return text::from_base64(standard, false);
}

}  // namespace

bool Key::permits(std::string_view operation) const {
  if (!operations.empty()) return std::ranges::find(operations, operation) != operations.end();
  if (use.empty()) return true;
  const bool signs = operation == "sign" || operation == "verify";
  return use == (signs ? "sig" : "enc");
}

Result<Key> parse_key(std::string_view bytes, KeyForm form) {
  if (bytes.empty()) return fail(Code::invalid_argument, "key is empty");
  if (form == KeyForm::guess && bytes.front() == '{' && !is_key_length(bytes.size())) form = KeyForm::jwk;
  if (form == KeyForm::guess && bytes.starts_with("-----")) form = KeyForm::pem;
  switch (form) {
    case KeyForm::jwk: {
      MECHA_TRY(const auto value, json::parse(bytes, true));
      return parse_jwk(value);
    }
    case KeyForm::pem: return parse_pem(bytes);
    case KeyForm::guess: return parse_symmetric(bytes);
  }
  return fail(Code::internal, "no form of keys");
}

Result<Key> parse_symmetric(std::string_view bytes) {
  if (bytes.empty()) return fail(Code::invalid_argument, "key is empty");
  auto text = bytes;
  while (!text.empty() && (text.back() == '\n' || text.back() == '=')) text.remove_suffix(1);
  auto decoded = text.empty() ? std::nullopt : from_any_base64(text);
  return Key{.bytes = Secret(decoded ? *std::move(decoded) : std::string(bytes))};
}

}  // namespace mecha::crypto
