// A request body that can be read again, as long as what was read of it fits a limit.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/net/message.hpp"

namespace mecha {

class ReplayBody final : public net::BodyReader {
 public:
  // Keeps up to `keep_max` bytes; a longer body can be read again only while nothing of it was read.
  ReplayBody(net::BodyReader& source, std::size_t keep_max) : source_(source), keep_max_(keep_max) {}

  Async<std::string_view> read() override {
    if (position_ < kept_.size()) {
      const auto rest = std::string_view(kept_).substr(position_);
      position_ = kept_.size();
      co_return rest;
    }
    if (ended_) co_return std::string_view();
    auto piece = std::exchange(ahead_, {});
    if (piece.empty()) {
      MECHA_CO_TRY(piece, co_await source_.read());
    }
    ended_ = piece.empty();
    if (lost_ || kept_.size() + piece.size() > keep_max_) {
      lost_ = lost_ || !piece.empty();
      co_return piece;
    }
    kept_.append(piece);
    position_ = kept_.size();
    co_return std::string_view(kept_).substr(kept_.size() - piece.size());
  }

  // Whether there is nothing at all to read; waits for the first piece to know. Before the first read().
  Async<bool> is_empty() {
    if (ahead_.empty() && !ended_) {
      MECHA_CO_TRY(ahead_, co_await source_.read());
      ended_ = ahead_.empty();
    }
    co_return ended_;
  }

  // Back to the beginning; false if a part is gone for good.
  bool rewind() {
    if (lost_) return false;
    position_ = 0;
    return true;
  }

 private:
  net::BodyReader& source_;
  std::size_t keep_max_;
  std::string kept_;
  std::size_t position_ = 0;
  std::string_view ahead_;  // was read by is_empty()
  bool ended_ = false, lost_ = false;
};

}  // namespace mecha
