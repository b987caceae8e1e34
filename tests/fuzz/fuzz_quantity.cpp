// Quantities and the small encodings: base64, hexadecimal, percent escapes, paths, numbers, quoted texts.

#include <cstddef>
#include <cstdint>

#include "runtime/base/check.hpp"
#include "runtime/base/text.hpp"

using namespace mecha;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = text::quantity(text)) {
    MECHA_CHECK(*value != 0 || text.find_first_of("0123456789") != std::string_view::npos);
  }
  if (const auto value = text::to_int(text)) {
    MECHA_CHECK(text::to_int(std::to_string(*value)) == value);
    MECHA_CHECK(text.size() > 18 || text::quantity(text) == value);
  }
  (void)text::to_double(text);
  MECHA_CHECK(text::from_base64(text::base64(text)) == text);
  MECHA_CHECK(text::from_hex(text::hex(text)) == text);
  (void)text::from_base64(text);
  (void)text::from_base64(text, false);
  const std::string escaped = text::escape(text);
  MECHA_CHECK(text::unescape_path(escaped) == text);
  MECHA_CHECK(text::unescape_query(escaped) == text);
  (void)text::parse_query(text);
  const std::string path = text::clean_path(text);
  MECHA_CHECK(text::clean_path(path) == path);
  MECHA_CHECK(text::is_utf8(text::sanitize_utf8(text)));
  MECHA_CHECK(text::is_utf8(text::quote(text)));
  const std::string header = text::canonical_header(text);
  MECHA_CHECK(text::canonical_header(header) == header);
  return 0;
}
