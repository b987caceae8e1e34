#include "api/proto/descriptors.hpp"

#include <cstddef>

// The file is put into the program as it is; the assembler finds it by the path that the build gives.
asm(".section .rodata.mecha_api_descriptors,\"a\"\n"
    ".global mecha_api_descriptors_begin\n"
    ".global mecha_api_descriptors_end\n"
    "mecha_api_descriptors_begin:\n"
    ".incbin \"" MECHA_DESCRIPTORS "\"\n"
    "mecha_api_descriptors_end:\n"
    ".previous\n");

extern "C" {
extern const char mecha_api_descriptors_begin[];
extern const char mecha_api_descriptors_end[];
}

namespace mecha::api {

std::string_view api_descriptors() {
  return {
      mecha_api_descriptors_begin,
      static_cast<std::size_t>(mecha_api_descriptors_end - mecha_api_descriptors_begin)};
}

}  // namespace mecha::api
