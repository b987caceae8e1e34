#include "runtime/app/method.hpp"

#include "runtime/base/text.hpp"

namespace mecha {

std::string clean_method(std::string_view method) {
  auto cleaned = text::clean_path("/" + std::string(method));
  return cleaned.substr(1);
}

Result<void> check_method(std::string_view method) {
  for (std::size_t i = 0; i < method.size(); ++i) {
    const auto c = static_cast<unsigned char>(method[i]);
    if (c == '#' || c == '?' || c == 0) {
      return fail(
          Code::invalid_argument,
          "invalid method: method contains forbidden character: " + text::quote(method)
      );
    }
    if (c < 0x20 || c == 0x7f) {
      return fail(
          Code::invalid_argument,
          "invalid method: method contains control character at position " + std::to_string(i) +
              ": " + text::quote(method)
      );
    }
  }
  return {};
}

}  // namespace mecha
