// MECHA_CHECK: for our own bugs only, never for input. Prints the condition and place, then aborts.

#pragma once

namespace mecha {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define MECHA_CHECK(condition) \
  (static_cast<bool>(condition) ? void() : ::mecha::check_failed(#condition, __FILE__, __LINE__))
