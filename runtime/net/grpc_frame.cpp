// Messages in and out of the bytes of a gRPC stream.

#include <algorithm>

#include <zlib.h>

#include "runtime/base/text.hpp"
#include "runtime/net/grpc.hpp"

namespace mecha::net::grpc {
namespace {

constexpr std::size_t kPrefix = 5;
constexpr std::uint32_t kReserveMax = 256 << 10;

std::uint32_t length_of(std::string_view prefix) {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(prefix[i]));
  };
  return byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
}

// One gzip member or several. Stops as soon as the message is longer than it may be.
Result<std::string> gunzip(std::string_view packed, std::size_t message_max) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return fail(Code::internal, "grpc: out of memory");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string out;
  char piece[16 << 10];
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    stream.next_out = reinterpret_cast<Bytef*>(piece);
    stream.avail_out = sizeof piece;
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(piece, sizeof piece - stream.avail_out);
    if (message_max != 0 && out.size() > message_max) {
      inflateEnd(&stream);
      return fail(
          Code::resource_exhausted,
          "grpc: received message after decompression larger than max " + std::to_string(message_max)
      );
    }
    if (state == Z_STREAM_END && stream.avail_in > 0) {
      state = inflateReset(&stream);
    } else if (state != Z_OK && state != Z_STREAM_END) {
      inflateEnd(&stream);
      return fail(Code::internal, "grpc: failed to decompress the message: unexpected EOF");
    }
  }
  inflateEnd(&stream);
  return out;
}

Error too_large(std::uint64_t length, std::size_t most) {
  return {
      .code = Code::resource_exhausted,
      .message = "grpc: received message larger than max (" + std::to_string(length) + " vs. " + std::to_string(most) + ")"};
}

}  // namespace

Result<void> FrameMeter::feed(std::string_view piece) {
  while (!piece.empty()) {
    if (left_ > 0) {
      const auto taken = std::min<std::uint64_t>(left_, piece.size());
      left_ -= taken;
      piece.remove_prefix(taken);
      continue;
    }
    prefix_[have_++] = piece.front();
    piece.remove_prefix(1);
    if (have_ < kPrefix) continue;
    have_ = 0;
    left_ = length_of({prefix_.data(), kPrefix});
    if (message_max_ != 0 && left_ > message_max_) return fail(too_large(left_, message_max_));
  }
  return {};
}

std::array<char, 5> prefix_of(std::size_t size) {
  const auto length = static_cast<std::uint32_t>(size);
  return {
      '\0',
      static_cast<char>(length >> 24 & 0xff),
      static_cast<char>(length >> 16 & 0xff),
      static_cast<char>(length >> 8 & 0xff),
      static_cast<char>(length & 0xff)};
}

std::string frame(std::string_view message) {
  const auto prefix = prefix_of(message.size());
  std::string out;
  out.reserve(prefix.size() + message.size());
  out.append(prefix.data(), prefix.size()).append(message);
  return out;
}

Result<bool> Deframer::take(std::string_view& bytes) {
  if (bytes.size() < kPrefix) return false;
  const auto flag = static_cast<unsigned char>(bytes[0]);
  const auto length = length_of(bytes);
  if (message_max_ != 0 && length > message_max_) {
    return fail(too_large(length, message_max_));
  }
  if (flag > 1) {
    return fail(Code::internal, "grpc: received unexpected payload format " + std::to_string(flag));
  }
  if (flag == 1 && (encoding_.empty() || encoding_ == "identity")) {
    return fail(Code::internal, "grpc: compressed flag set with identity or empty encoding");
  }
  if (flag == 1 && encoding_ != "gzip") {
    return fail(
        Code::unimplemented,
        "grpc: Decompressor is not installed for grpc-encoding " + text::quote(encoding_)
    );
  }
  if (bytes.size() - kPrefix < length) return false;
  const auto body = bytes.substr(kPrefix, length);
  if (flag == 1) {
    MECHA_TRY(auto message, gunzip(body, message_max_));
    ready_.push_back(std::move(message));
  } else {
    ready_.emplace_back(body);
  }
  bytes.remove_prefix(kPrefix + length);
  return true;
}

Result<void> Deframer::feed(std::string_view piece) {
  // Most pieces hold whole messages: nothing is copied into the buffer then.
  if (!buffer_.empty()) {
    buffer_.append(piece);
    piece = buffer_;
  }
  for (;;) {
    MECHA_TRY(const bool taken, take(piece));
    if (!taken) break;
  }
  if (buffer_.empty()) {
    buffer_.assign(piece);
    // Not more at once than a peer may claim for nothing.
    if (piece.size() >= kPrefix) buffer_.reserve(kPrefix + std::min(length_of(piece), kReserveMax));
  } else {
    buffer_.erase(0, buffer_.size() - piece.size());
  }
  return {};
}

std::optional<std::string> Deframer::next() {
  if (taken_ == ready_.size()) return std::nullopt;
  std::string message = std::move(ready_[taken_++]);
  if (taken_ == ready_.size()) {
    ready_.clear();
    taken_ = 0;
  }
  return message;
}

}  // namespace mecha::net::grpc
