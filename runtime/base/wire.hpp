// The protobuf wire format, by hand: for the few messages of the data path, where generated classes would copy.
//
// Writer appends to a string that the caller owns. Reader walks the fields of one message; views point into its input.

#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/text.hpp"

namespace mecha::wire {

// Writes to `to`, which has room for ten bytes; returns their end.
inline char* put_varint(char* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

inline std::size_t varint_size(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

inline void varint(std::string& out, std::uint64_t value) {
  std::array<char, 10> text;
  out.append(text.data(), put_varint(text.data(), value));
}

inline void tag(std::string& out, std::uint32_t field, std::uint32_t type) {
  varint(out, (field << 3) | type);
}

// Scalars with the default value are left out, as proto3 does.
inline void number(std::string& out, std::uint32_t field, std::uint64_t value) {
  if (value == 0) return;
  tag(out, field, 0);
  varint(out, value);
}

// What stands before the `size` bytes of a length-delimited field, and how long that is together with them.
inline void bytes_head(std::string& out, std::uint32_t field, std::size_t size) {
  std::array<char, 20> text;
  auto* const tagged = put_varint(text.data(), (field << 3) | 2);
  out.append(text.data(), put_varint(tagged, size));
}
inline std::size_t bytes_size(std::uint32_t field, std::size_t size) {
  return varint_size((field << 3) | 2) + varint_size(size) + size;
}

inline void bytes_always(std::string& out, std::uint32_t field, std::string_view value) {
  bytes_head(out, field, value.size());
  out.append(value);
}

inline void bytes(std::string& out, std::uint32_t field, std::string_view value) {
  if (!value.empty()) bytes_always(out, field, value);
}

// A field of type string: readers refuse a message whose texts are not UTF-8 (contract 04a).
inline void text(std::string& out, std::uint32_t field, std::string_view value) {
  if (text::is_utf8(value)) return bytes(out, field, value);
  bytes(out, field, text::sanitize_utf8(value));
}

// One field after another; `ok` turns false for bytes that are no message.
class Reader {
 public:
  explicit Reader(std::string_view message) : left_(message) {}

  // Steps to the next field; false at the end or at an error.
  bool next() {
    if (left_.empty() || !ok_) return false;
    std::uint64_t key = 0;
    if (!take_varint(key)) return false;
    field_ = static_cast<std::uint32_t>(key >> 3);
    type_ = static_cast<std::uint32_t>(key & 7);
    switch (type_) {
      case 0: return take_varint(number_);
      case 1: return take_fixed(8);
      case 2: return take_bytes();
      case 5: return take_fixed(4);
      default: return ok_ = false;
    }
  }

  std::uint32_t field() const { return field_; }
  // The value of a length-delimited field; empty for the other types.
  std::string_view bytes() const { return type_ == 2 ? bytes_ : std::string_view(); }
  std::string text() const { return std::string(bytes()); }
  std::uint64_t number() const { return type_ == 0 ? number_ : 0; }
  bool ok() const { return ok_; }

 private:
  bool take_varint(std::uint64_t& value) {
    if (!left_.empty() && static_cast<unsigned char>(left_.front()) < 0x80) {  // most are of one byte
      value = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      return true;
    }
    value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (left_.empty()) return ok_ = false;
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return true;
    }
    return ok_ = false;
  }
  bool take_fixed(std::size_t size) {
    if (left_.size() < size) return ok_ = false;
    left_.remove_prefix(size);
    return true;
  }
  bool take_bytes() {
    std::uint64_t size = 0;
    if (!take_varint(size) || size > left_.size()) return ok_ = false;
    bytes_ = left_.substr(0, size);
    left_.remove_prefix(size);
    return true;
  }

  std::string_view left_, bytes_;
  std::uint64_t number_ = 0;
  std::uint32_t field_ = 0, type_ = 0;
  bool ok_ = true;
};

}  // namespace mecha::wire
