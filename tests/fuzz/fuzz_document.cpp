// Headers of documents dapr.io/enc/v1: whatever comes, it is refused, asked to go on, or read back as it was written; and the
// same however the bytes are cut.

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtime/base/check.hpp"
#include "runtime/capabilities/crypto/document.hpp"

using namespace mecha;
using namespace mecha::crypto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto whole = read_header(bytes, true);
  const auto open = read_header(bytes, false);
  // What is refused before the end is refused at the end too, and what is whole is whole either way.
  if (!open) MECHA_CHECK(!whole);
  if (whole) {
    MECHA_CHECK(whole->has_value() && open && open->has_value());
    const auto& header = **whole;
    MECHA_CHECK(header.size <= kHeaderBytesMax && header.size <= bytes.size());
    MECHA_CHECK(bytes.starts_with(header.signed_text));
    const std::string file_key(kFileKeyBytes, 'k');
    (void)check_signature(header, file_key);
    const auto written = write_header(header.manifest, file_key);
    if (written.size() <= kHeaderBytesMax) {
      const auto again = read_header(written, true);
      MECHA_CHECK(again && again->has_value() && check_signature(**again, file_key));
      MECHA_CHECK((*again)->manifest.key == header.manifest.key && (*again)->manifest.wrapped_key == header.manifest.wrapped_key);
    }
    SegmentCipher cipher(header.manifest, file_key);
    (void)cipher.open(bytes.substr(header.size), true);
  }
  return 0;
}
