// Codec for classes that protoc made, in the binary form.
#pragma once

#include <concepts>
#include <string>
#include <string_view>

#include <google/protobuf/message_lite.h>

#include "mecha/codec.h"

namespace mecha {

/// Bytes on the wire of protobuf. Fails with `invalid_argument` or `data_loss` where a required
/// field is absent, a message is larger than protobuf allows, or bytes are no such message.
template <std::derived_from<google::protobuf::MessageLite> T>
struct Codec<T, void> {
  static constexpr std::string_view content_type = "application/x-protobuf";
  /// In the binary form.
  static Result<std::string> encode(const T& value) {
    std::string bytes;
    if (!value.SerializeToString(&bytes))
      return detail::codec_error(Code::invalid_argument, "incomplete or too large");
    return bytes;
  }
  /// From the binary form.
  static Result<T> decode(std::string_view bytes) {
    constexpr std::size_t most = 2147483647;
    T value;
    if (bytes.size() > most ||
        !value.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return detail::codec_error(Code::data_loss, "not a message of this type");
    }
    return value;
  }
};

}  // namespace mecha
