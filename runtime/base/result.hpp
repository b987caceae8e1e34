// Result<T>: a value or an Error; the only way in which a function of Mecha says that it failed.

#pragma once

#include <expected>
#include <string>
#include <utility>

#include "runtime/base/error.hpp"

namespace mecha {

template <class T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{.code = code, .message = std::move(message)});
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace mecha

#define MECHA_CAT_IMPL(a, b) a##b
#define MECHA_CAT(a, b) MECHA_CAT_IMPL(a, b)

// Statement macros: use them on a line of their own, never as the body of an unbraced if.
//   MECHA_TRY(auto x, f());        MECHA_CO_TRY(auto y, co_await g());
// and for results without a value: MECHA_TRY_VOID(f()); MECHA_CO_TRY_VOID(co_await g());
#define MECHA_TRY_IMPL(tmp, leave, decl, ...)            \
  auto tmp = __VA_ARGS__;                                \
  if (!tmp) leave ::mecha::fail(std::move(tmp).error()); \
  decl = *std::move(tmp)
#define MECHA_TRY(decl, ...) \
  MECHA_TRY_IMPL(MECHA_CAT(try_, __LINE__), return, decl, __VA_ARGS__)
#define MECHA_CO_TRY(decl, ...) \
  MECHA_TRY_IMPL(MECHA_CAT(try_, __LINE__), co_return, decl, __VA_ARGS__)
#define MECHA_TRY_VOID(...) \
  if (auto MECHA_CAT(try_, __LINE__) = __VA_ARGS__; !MECHA_CAT(try_, __LINE__)) \
  return ::mecha::fail(std::move(MECHA_CAT(try_, __LINE__)).error())
#define MECHA_CO_TRY_VOID(...) \
  if (auto MECHA_CAT(try_, __LINE__) = __VA_ARGS__; !MECHA_CAT(try_, __LINE__)) \
  co_return ::mecha::fail(std::move(MECHA_CAT(try_, __LINE__)).error())
