// A body whose beginning is read before the rest: to tell of a failure without all that came with it.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/net/message.hpp"

namespace mecha::net {

// The beginning of a body: all of it, or the pieces that reach `enough` bytes; the rest can still be read. Fails as read() does.
inline Async<std::string> read_start(BodyReader& body, std::size_t enough) {
  std::string start;
  while (start.size() < enough) {
    MECHA_CO_TRY(const auto piece, co_await body.read());
    if (piece.empty()) break;
    start.append(piece);
  }
  co_return start;
}

// `start`, which is not empty, and what is left of `rest`.
class BegunBody final : public BodyReader {
 public:
  BegunBody(std::string start, std::unique_ptr<BodyReader> rest) : start_(std::move(start)), rest_(std::move(rest)) {}
  Async<std::string_view> read() override { return start_.at_end() ? rest_->read() : start_.read(); }

 private:
  TextBody start_;
  std::unique_ptr<BodyReader> rest_;
};

}  // namespace mecha::net
