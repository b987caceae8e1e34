// Durations and times: what is printed reads back as the same.

#include <cstddef>
#include <cstdint>

#include "runtime/base/check.hpp"
#include "runtime/base/text.hpp"

using namespace mecha;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto duration = text::go_duration(text)) {
    MECHA_CHECK(text::go_duration(text::format_go_duration(*duration)) == duration);
    MECHA_CHECK(text::duration_or(text, std::chrono::seconds(1)) == duration);
  } else {
    MECHA_CHECK(text::go_duration_error(text).starts_with("time: "));
  }
  if (const auto time = text::parse_instant(text)) {
    const std::string printed = text::format_instant(*time);
    // A zone may move a time out of the years that can be written.
    if (printed.size() <= 30 && !printed.starts_with('-')) MECHA_CHECK(text::parse_instant(printed) == time);
    MECHA_CHECK(text::parse_rfc3339(text).has_value());
  }
  return 0;
}
