// XML of answers: no text may crash the reader, and what it takes is no larger than what came.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "components/aws/xml.hpp"
#include "components/bindings/aws_s3_list.hpp"
#include "runtime/base/check.hpp"

namespace {

std::size_t bytes_of(const mecha::aws::Element& element) {
  auto sum = element.name.size() + element.text.size();
  for (const auto& child : element.children) sum += bytes_of(child);
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto root = mecha::aws::parse_xml(text)) MECHA_CHECK(bytes_of(*root) <= size);
  (void)mecha::bindings::s3_list_answer(std::string(text));
  return 0;
}
