#include "runtime/daemon/describe.hpp"

#include <cstdio>

#include "components/builtin.hpp"
#include "components/catalog.hpp"

namespace mecha {

int describe(const std::string& form) {
  Catalog catalog;
  register_builtin(catalog);
  if (form == "json") {
    std::printf("%s\n", json::write(catalog.describe()).c_str());
    return 0;
  }
  if (form == "markdown") {
    for (const auto& category : catalog.categories()) {
      std::printf("%s\n", catalog.describe_markdown(category).c_str());
    }
    return 0;
  }
  std::fprintf(stderr, "--describe must be json or markdown, got %s\n", form.c_str());
  return 2;
}

}  // namespace mecha
