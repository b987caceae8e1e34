// Codec for every type that nlohmann/json knows: include this header and give your type to_json and
// from_json, or NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE. A std::string stays plain bytes; use
// nlohmann::json for a quoted one.
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include <nlohmann/json.hpp>

#include "mecha/codec.h"

namespace mecha {

/// A type that nlohmann/json can write and read.
template <class T>
concept JsonValue =
    !std::same_as<T, std::string_view> && std::is_constructible_v<nlohmann::json, const T&> && requires(const nlohmann::json& json) {
      { json.template get<T>() } -> std::same_as<T>;
    };

/// JSON text. What nlohmann/json throws becomes an Error of the call.
template <JsonValue T>
struct Codec<T, void> {
  static constexpr std::string_view content_type = "application/json";  ///< What it is sent as.
  /// By `to_json` of the type.
  static Result<std::string> encode(const T& value) {
    const nlohmann::json json = value;
    return json.dump();
  }
  /// By `from_json` of the type.
  static Result<T> decode(std::string_view bytes) {
    return nlohmann::json::parse(bytes).template get<T>();
  }
};

}  // namespace mecha
