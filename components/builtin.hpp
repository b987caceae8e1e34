// The components of this build. The function is made by CMake from the build lists (component.cmake).

#pragma once

namespace mecha {
class Catalog;
void register_builtin(Catalog& catalog);
}  // namespace mecha
