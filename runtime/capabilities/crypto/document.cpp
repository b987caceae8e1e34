#include "runtime/capabilities/crypto/document.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_fault.hpp"

namespace mecha::crypto {
namespace {

constexpr std::string_view kScheme = "dapr.io/enc/v1";
constexpr std::uint64_t kSegmentsMax = std::uint64_t{1} << 32;

constexpr std::array kWrapAlgorithms{
    WrapAlgorithm{"A256KW", 1},
    WrapAlgorithm{"A128CBC-NOPAD", 2},
    WrapAlgorithm{"A192CBC-NOPAD", 3},
    WrapAlgorithm{"A256CBC-NOPAD", 4},
    WrapAlgorithm{"RSA-OAEP-256", 5},
    WrapAlgorithm{"SM4KW", 101},
    WrapAlgorithm{"SM2", 102},
};
constexpr std::array kCiphers{
    DocumentCipher{"AES-GCM", 1, Aead::aes_256_gcm},
    DocumentCipher{"CHACHA20-POLY1305", 2, Aead::chacha20_poly1305},
    DocumentCipher{"SM4-CTR-HSM3", 101, Aead::sm4_ctr_hmac_sm3},
};

template <class Table, class Value, class Member>
const auto* find_in(const Table& table, Value value, Member member) {
  const auto* const it = std::ranges::find(table, value, member);
  return it == table.end() ? nullptr : it;
}

std::unexpected<Error> invalid_header(std::string_view what) {
  return fail(Code::internal, "invalid header: " + std::string(what));
}

// Text of a member; null and absent are empty, anything else is no text.
Result<std::string> text_member(const json::Value& object, std::string_view name) {
  const auto* value = object.find_nocase(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return invalid_header("invalid manifest");
  return value->as_string();
}

Result<std::string> bytes_member(const json::Value& object, std::string_view name) {
  MECHA_TRY(const auto text, text_member(object, name));
  auto bytes = text::from_base64(text);
  if (!bytes) return invalid_header("invalid manifest");
  return *std::move(bytes);
}

int id_member(const json::Value& object, std::string_view name) {
  const auto* value = object.find_nocase(name);
  if (value == nullptr || !value->is_number()) return 0;
  const auto id = value->as_int().value_or(0);
  return id > 0 && id < 1000 ? static_cast<int>(id) : 0;
}

Result<Manifest> read_manifest(std::string_view line) {
  const auto value = json::parse(line, true);
  if (!value || !value->is_object()) return invalid_header("invalid manifest");
  Manifest manifest;
  MECHA_TRY(manifest.key, text_member(*value, "k"));
  MECHA_TRY(manifest.wrapped_key, bytes_member(*value, "wfk"));
  MECHA_TRY(manifest.nonce_prefix, bytes_member(*value, "np"));
  manifest.wrap = find_wrap_algorithm(id_member(*value, "kw"));
  manifest.cipher = find_document_cipher(id_member(*value, "cph"));
  const bool is_valid = manifest.wrap != nullptr && manifest.cipher != nullptr && !manifest.wrapped_key.empty() &&
                        manifest.nonce_prefix.size() == kNoncePrefixBytes;
  if (!is_valid) return invalid_header("invalid manifest");
  return manifest;
}

std::string mac_of(std::string_view signed_text, std::string_view file_key) {
  return hmac(Digest::sha256, hkdf_sha256(file_key, {}, "header", 32), signed_text);
}

}  // namespace

const WrapAlgorithm* find_wrap_algorithm(std::string_view name) {
  if (name == "AES") name = "A256KW";
  if (name == "RSA") name = "RSA-OAEP-256";
  return find_in(kWrapAlgorithms, name, &WrapAlgorithm::name);
}
const WrapAlgorithm* find_wrap_algorithm(int id) { return find_in(kWrapAlgorithms, id, &WrapAlgorithm::id); }
const DocumentCipher* find_document_cipher(std::string_view name) { return find_in(kCiphers, name, &DocumentCipher::name); }
const DocumentCipher* find_document_cipher(int id) { return find_in(kCiphers, id, &DocumentCipher::id); }

std::string write_header(const Manifest& manifest, std::string_view file_key) {
  std::string text(kScheme);
  text += "\n{";
  if (!manifest.key.empty()) {
    text += R"("k":)";
    json::write_string(text, manifest.key);
    text += ',';
  }
  text += R"("kw":)" + std::to_string(manifest.wrap->id) + R"(,"wfk":")" + text::base64(manifest.wrapped_key);
  text += R"(","cph":)" + std::to_string(manifest.cipher->id) + R"(,"np":")" + text::base64(manifest.nonce_prefix) + "\"}\n";
  return text + text::base64(mac_of(text, file_key)) + "\n";
}

Result<std::optional<Header>> read_header(std::string_view bytes, bool ended) {
  constexpr std::array missing{"scheme name not found", "manifest not found", "message authentication code not found"};
  const auto window = bytes.substr(0, kHeaderBytesMax);
  std::array<std::string_view, 3> lines;
  std::size_t at = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto end = window.find('\n', at);
    if (end == std::string_view::npos) {
      if (ended || bytes.size() >= kHeaderBytesMax) return invalid_header(missing[i]);
      return std::optional<Header>();
    }
    lines[i] = window.substr(at, end - at);
    at = end + 1;
    if (lines[i].empty()) return invalid_header("invalid format");
    if (i == 0 && lines[0] != kScheme) return invalid_header("unsupported scheme");
  }
  Header header{.mac = std::string(lines[2]), .size = at};
  header.signed_text = window.substr(0, at - lines[2].size() - 1);
  MECHA_TRY(header.manifest, read_manifest(lines[1]));
  return std::optional(std::move(header));
}

Result<void> check_signature(const Header& header, std::string_view file_key) {
  const auto mac = text::from_base64(header.mac);
  if (!mac) return fail(Code::internal, "failed to decode header's signature: " + text::base64_fault(header.mac));
  if (!same_bytes(*mac, mac_of(header.signed_text, file_key))) {
    return fail(Code::internal, "failed to validate the document's signature");
  }
  return {};
}

bool SegmentCutter::take(std::string_view& piece) {
  const auto part = piece.substr(0, size_ - segment_.size());
  segment_ += part;
  piece.remove_prefix(part.size());
  return segment_.size() == size_ && !piece.empty();
}

SegmentCipher::SegmentCipher(const Manifest& manifest, std::string_view file_key)
    : aead_(manifest.cipher->aead),
      key_(hkdf_sha256(file_key, manifest.nonce_prefix, "payload", key_bytes(manifest.cipher->aead))),
      nonce_prefix_(manifest.nonce_prefix) {}

Result<std::string> SegmentCipher::next_nonce(bool last) {
  if (index_ == kSegmentsMax) return fail(Code::internal, "the document has too many segments");
  std::string nonce = nonce_prefix_;
  for (int shift = 24; shift >= 0; shift -= 8) nonce += static_cast<char>(index_ >> shift);
  nonce += last ? '\x01' : '\x00';
  ++index_;
  return nonce;
}

Result<std::string> SegmentCipher::seal(std::string_view plain, bool last) {
  MECHA_TRY(const auto nonce, next_nonce(last));
  std::string out;
  crypto::seal(aead_, key_, nonce, {}, plain, out);
  return out;
}

Result<std::string> SegmentCipher::open(std::string_view sealed, bool last) {
  const auto index = index_;
  MECHA_TRY(const auto nonce, next_nonce(last));
  std::string out;
  if (crypto::open(aead_, key_, nonce, {}, sealed, out)) return out;
  return fail(Code::internal, "error processing segment " + std::to_string(index) + ": failed to decrypt segment");
}

}  // namespace mecha::crypto
