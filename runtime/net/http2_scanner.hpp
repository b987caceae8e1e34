// FrameScanner: where the frames of an HTTP/2 connection begin. nghttp2 passes over DATA for streams that are over
// without a word, so a server looks at frame heads itself.

#pragma once

#include <array>
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>

namespace mecha::net {

class FrameScanner {
 public:
  struct Head {
    std::uint8_t type = 0;
    std::int32_t stream = 0;
    std::size_t at = 0;  // where it begins in the bytes; 0 if that was in earlier ones
  };

  // The next frame head that is complete in `bytes`, from `position` on, which moves behind it; empty when there is
  // none. The bytes of a connection are given one after another, each run until it is empty.
  std::optional<Head> next(std::string_view bytes, std::size_t& position) {
    for (;;) {
      const auto skipped = std::min<std::size_t>(skip_, bytes.size() - position);
      position += skipped;
      skip_ -= static_cast<std::uint32_t>(skipped);
      if (skip_ > 0 || position == bytes.size()) return std::nullopt;
      if (have_ == 0) begun_ = position;
      const auto part = std::min(kHead - have_, bytes.size() - position);
      std::copy_n(bytes.data() + position, part, head_.begin() + static_cast<std::ptrdiff_t>(have_));
      position += part;
      have_ += part;
      if (have_ < kHead) {
        begun_ = 0;
        return std::nullopt;
      }
      have_ = 0;
      skip_ = number(0) << 16 | number(1) << 8 | number(2);
      const auto stream = (number(5) & 0x7f) << 24 | number(6) << 16 | number(7) << 8 | number(8);
      return Head{
          .type = static_cast<std::uint8_t>(head_[3]),
          .stream = static_cast<std::int32_t>(stream),
          .at = begun_};
    }
  }

 private:
  static constexpr std::size_t kHead = 9;
  static constexpr std::uint32_t kPreface = 24;

  std::uint32_t number(std::size_t i) const { return static_cast<unsigned char>(head_[i]); }

  std::uint32_t skip_ = kPreface;
  std::array<char, kHead> head_{};
  std::size_t have_ = 0;
  std::size_t begun_ = 0;
};

}  // namespace mecha::net
