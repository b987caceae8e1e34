// JSON: what is read is written and read again as the same value, in every dialect that keeps it.

#include <cstddef>
#include <cstdint>

#include "runtime/base/check.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

using namespace mecha;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto value = json::parse(text);
  const auto whole = json::parse(text, true);
  if (!value) {
    MECHA_CHECK(!value.error().message.empty());
    MECHA_CHECK(!whole);
    return 0;
  }
  if (whole) MECHA_CHECK(*whole == *value);
  const json::Value copy = *value;
  MECHA_CHECK(copy == *value);
  const std::string exact = json::write(*value, json::Dialect::number_text);
  MECHA_CHECK(text::is_utf8(exact));
  const auto again = json::parse(exact, true);
  MECHA_CHECK(again.has_value());
  MECHA_CHECK(json::write(*again, json::Dialect::number_text) == exact);
  if (json::out_of_range(*value) != nullptr) return 0;
  // The other two may change numbers, but once only.
  for (const auto dialect : {json::Dialect::standard, json::Dialect::fast}) {
    const std::string once = json::write(*value, dialect);
    const auto back = json::parse(once, true);
    MECHA_CHECK(back.has_value());
    if (dialect == json::Dialect::standard) MECHA_CHECK(*back == *value && json::write(*back) == once);
  }
  return 0;
}
