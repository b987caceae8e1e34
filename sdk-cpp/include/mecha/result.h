// Either a value or an Error; what every call gives back. It stands for std::expected, which C++20
// lacks.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "mecha/error.h"

namespace mecha {

template <class T>
class [[nodiscard]] Result;

namespace detail {

template <class T>
struct IsResult : std::false_type {};
template <class T>
struct IsResult<Result<T>> : std::true_type {};

/// True for values that may say "no": a result of them is good also where the work was not done.
template <class T>
struct MayRefuse : std::false_type {};
template <>
struct MayRefuse<bool> : std::true_type {};

/// A defect of the caller ends the program and says why; it does not throw.
[[noreturn]] inline void misuse(const char* what) noexcept {
  std::fprintf(stderr, "mecha: %s\n", what);
  std::abort();
}
[[noreturn]] inline void wrong_alternative() noexcept {
  misuse("a Result was asked for the value or the error that it does not hold");
}

}  // namespace detail

/// A value of type T or the Error that stood in its way.
///
/// No member throws. `*r` and `r.value()` of a failed result, and `r.error()` of a good one, end
/// the program. As safe to share between threads as T is. A result whose value may say that the work
/// was not done (`bool`, UnlockStatus, the list of messages that failed) cannot be asked by `if (r)`.
template <class T>
class [[nodiscard]] Result {
 public:
  /// What a good result holds.
  using value_type = T;

  Result() : state_(std::in_place_index<0>) {}
  /// A failed one.
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  /// A good one.
  template <class U = T>
    requires(std::is_constructible_v<T, U &&> && !std::is_same_v<std::remove_cvref_t<U>, Result> && !std::is_same_v<std::remove_cvref_t<U>, Error> && std::is_convertible_v<U &&, T>)
  Result(U&& value) : state_(std::in_place_index<0>, std::forward<U>(value)) {}

  /// True when it is good.
  bool has_value() const noexcept { return state_.index() == 0; }
  /// The same, for `if`.
  explicit operator bool() const noexcept {
    static_assert(
        !detail::MayRefuse<T>::value,
        "the value of this result may say that the work was not done: ask has_value() and look at "
        "the value, or use value_or"
    );
    return has_value();
  }

  /// What it holds; ends the program when it failed.
  T& value() & noexcept { return held<0>(state_); }
  /// What it holds; ends the program when it failed.
  const T& value() const& noexcept { return held<0>(state_); }
  /// What it holds; ends the program when it failed.
  T&& value() && noexcept { return std::move(held<0>(state_)); }
  /// Like value().
  T& operator*() & noexcept { return value(); }
  /// Like value().
  const T& operator*() const& noexcept { return value(); }
  /// Like value().
  T&& operator*() && noexcept { return std::move(*this).value(); }
  /// Like value().
  T* operator->() noexcept { return &value(); }
  /// Like value().
  const T* operator->() const noexcept { return &value(); }

  /// Why it failed; ends the program when it did not.
  Error& error() & noexcept { return held<1>(state_); }
  /// Why it failed; ends the program when it did not.
  const Error& error() const& noexcept { return held<1>(state_); }
  /// Why it failed; ends the program when it did not.
  Error&& error() && noexcept { return std::move(held<1>(state_)); }

  /// The value, or `other` when there is none.
  template <class U>
  T value_or(U&& other) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(other));
  }
  /// The value, or this one when it failed.
  template <class U>
  T value_or(U&& other) && {
    return has_value() ? std::move(**this) : static_cast<T>(std::forward<U>(other));
  }

  /// `f(value)` as a new result, or the error. `f` returns a plain value.
  template <class F>
  auto transform(F&& f) && -> Result<std::invoke_result_t<F, T&&>> {
    if (!has_value()) return std::move(*this).error();
    return std::forward<F>(f)(std::move(**this));
  }

  /// `f(value)`, or the error. `f` returns a Result.
  template <class F>
  auto and_then(F&& f) && -> std::invoke_result_t<F, T&&> {
    if (!has_value()) return std::move(*this).error();
    return std::forward<F>(f)(std::move(**this));
  }

 private:
  template <std::size_t Index, class State>
  static auto& held(State& state) noexcept {
    auto* found = std::get_if<Index>(&state);
    if (found == nullptr) detail::wrong_alternative();
    return *found;
  }

  std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  /// A good one holds nothing.
  using value_type = void;

  Result() = default;
  /// A failed one.
  Result(Error error) : error_(std::move(error)) {}

  /// True when it is good.
  bool has_value() const noexcept { return !error_.has_value(); }
  /// The same, for `if`.
  explicit operator bool() const noexcept { return has_value(); }
  /// Ends the program when it failed.
  void value() const noexcept {
    if (error_) detail::wrong_alternative();
  }

  /// Why it failed; ends the program when it did not.
  const Error& error() const& noexcept {
    if (!error_) detail::wrong_alternative();
    return *error_;
  }
  /// Why it failed; ends the program when it did not.
  Error&& error() && noexcept {
    if (!error_) detail::wrong_alternative();
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace mecha
