#include "runtime/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace mecha {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "mecha: check failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace mecha
