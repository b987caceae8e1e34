// The document format dapr.io/enc/v1 (contract 02, section 6.3): header, segments. Pure computation on bytes; who unwraps the
// file key and where bytes come from is the caller's. Ids from 101 are additions of ours.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "components/crypto/primitives.hpp"
#include "runtime/base/result.hpp"

namespace mecha::crypto {

inline constexpr std::size_t kSegmentBytes = 65536, kSealedSegmentBytes = kSegmentBytes + kTagBytes;
inline constexpr std::size_t kHeaderBytesMax = 65536, kFileKeyBytes = 32, kNoncePrefixBytes = 7;

// `kw` of a manifest. By name: in capitals, aliases included.
struct WrapAlgorithm {
  std::string_view name;  // of the provider's operation
  int id;
};
const WrapAlgorithm* find_wrap_algorithm(std::string_view name);
const WrapAlgorithm* find_wrap_algorithm(int id);

// `cph` of a manifest.
struct DocumentCipher {
  std::string_view name;
  int id;
  Aead aead;
};
const DocumentCipher* find_document_cipher(std::string_view name);
const DocumentCipher* find_document_cipher(int id);

struct Manifest {
  std::string key;  // name; empty: not told
  const WrapAlgorithm* wrap = nullptr;
  std::string wrapped_key;
  const DocumentCipher* cipher = nullptr;
  std::string nonce_prefix;
};

// The three lines, signed.
std::string write_header(const Manifest& manifest, std::string_view file_key);

struct Header {
  Manifest manifest;
  std::string signed_text;  // the first two lines as received
  std::string mac;          // base64, as received
  std::size_t size = 0;     // bytes of the three lines
};

// The header at the beginning of `bytes`; empty: it is not whole yet and more bytes may come. Fails with "invalid header: ...".
Result<std::optional<Header>> read_header(std::string_view bytes, bool ended);
// "failed to validate the document's signature", or why it cannot be read.
Result<void> check_signature(const Header& header, std::string_view file_key);

// Gathers bytes into segments of one size; only the last may be shorter.
class SegmentCutter {
 public:
  explicit SegmentCutter(std::size_t size) : size_(size) { segment_.reserve(size); }
  // Takes from the front of `piece`. True: the segment is full and not the last; clear() it and call again.
  bool take(std::string_view& piece);
  const std::string& segment() const { return segment_; }
  void clear() { segment_.clear(); }

 private:
  std::size_t size_;
  std::string segment_;
};

// Encrypts or decrypts the segments of one document, in their order.
class SegmentCipher {
 public:
  SegmentCipher(const Manifest& manifest, std::string_view file_key);
  Result<std::string> seal(std::string_view plain, bool last);
  // "error processing segment 0: failed to decrypt segment"
  Result<std::string> open(std::string_view sealed, bool last);

 private:
  Result<std::string> next_nonce(bool last);

  Aead aead_;
  std::string key_, nonce_prefix_;
  std::uint64_t index_ = 0;
};

}  // namespace mecha::crypto
