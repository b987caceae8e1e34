// How values of the user become bytes and back. mecha/json.h and mecha/protobuf.h bring codecs for
// two libraries.
#pragma once

#include <concepts>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

#include "mecha/result.h"

namespace mecha {

/// Teaches the SDK a type. Specialise it for types of your own:
///
///     template <>
///     struct mecha::Codec<Order> {
///       static constexpr std::string_view content_type = "application/json";
///       static mecha::Result<std::string> encode(const Order&);
///       static mecha::Result<Order> decode(std::string_view bytes);
///     };
///
/// Both functions run on whichever thread makes or awaits the call. An exception out of them
/// becomes an Error.
template <class T, class Enable = void>
struct Codec;

/// Bytes of no known form.
struct Bytes {
  std::string data;  ///< As they are.
  bool operator==(const Bytes&) const = default;  ///< The same bytes.
};

/// A type that Codec knows.
template <class T>
concept Encodable = requires(const T& value, std::string_view bytes) {
  { Codec<T>::content_type } -> std::convertible_to<std::string_view>;
  { Codec<T>::encode(value) } -> std::same_as<Result<std::string>>;
  { Codec<T>::decode(bytes) } -> std::same_as<Result<T>>;
};

/// A std::string is its own bytes: text, or JSON that is text already. It is not quoted.
template <>
struct Codec<std::string> {
  static constexpr std::string_view content_type = "text/plain; charset=utf-8";  ///< What it is sent as.
  /// A copy.
  static Result<std::string> encode(const std::string& value) { return value; }
  /// A copy; never fails.
  static Result<std::string> decode(std::string_view bytes) { return std::string(bytes); }
};

/// Bytes are their own bytes.
template <>
struct Codec<Bytes> {
  static constexpr std::string_view content_type = "application/octet-stream";  ///< What it is sent as.
  /// A copy.
  static Result<std::string> encode(const Bytes& value) { return value.data; }
  /// A copy; never fails.
  static Result<Bytes> decode(std::string_view bytes) { return Bytes{std::string(bytes)}; }
};

namespace detail {

/// A text that is no type of Codec: a literal, a pointer, a view. One form for all that takes one;
/// `{}` is none, and goes to other overloads.
template <class T>
concept Text = std::convertible_to<const T&, std::string_view> && !Encodable<T>;

/// What a codec threw, as an error: `invalid_argument` for encoding, `data_loss` for decoding.
Error codec_error(Code code, const char* what);

template <Encodable T>
Result<std::string> encode(const T& value) {
#if defined(__cpp_exceptions)
  try {
    return Codec<T>::encode(value);
  } catch (const std::exception& thrown) {
    return codec_error(Code::invalid_argument, thrown.what());
  } catch (...) {
    return codec_error(Code::invalid_argument, "unknown exception");
  }
#else
  return Codec<T>::encode(value);
#endif
}

template <Encodable T>
Result<T> decode(std::string_view bytes) {
#if defined(__cpp_exceptions)
  try {
    return Codec<T>::decode(bytes);
  } catch (const std::exception& thrown) {
    return codec_error(Code::data_loss, thrown.what());
  } catch (...) {
    return codec_error(Code::data_loss, "unknown exception");
  }
#else
  return Codec<T>::decode(bytes);
#endif
}

/// Decodes bytes that are already a string: moved, not copied, where the type is the bytes.
template <Encodable T>
Result<T> decode(std::string&& bytes) {
  if constexpr (std::same_as<T, std::string>) {
    return std::move(bytes);
  } else if constexpr (std::same_as<T, Bytes>) {
    return Bytes{std::move(bytes)};
  } else {
    return decode<T>(std::string_view(bytes));
  }
}

}  // namespace detail
}  // namespace mecha
