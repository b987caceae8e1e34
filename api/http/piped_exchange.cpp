#include "api/http/piped_exchange.hpp"

namespace mecha::api {

Async<void> PipedExchange::respond(net::ResponseHead head, std::string body) {
  walk_.finish_head(head);
  if (walk_.changes_answer()) body = walk_.answer_piece(body) + walk_.answer_end();
  return inner_.respond(std::move(head), std::move(body));
}

Async<void> PipedExchange::start(net::ResponseHead head) {
  walk_.finish_head(head);
  return inner_.start(std::move(head));
}

Async<void> PipedExchange::write(std::string_view piece) {
  if (!walk_.changes_answer()) return inner_.write(piece);
  return write_changed(walk_.answer_piece(piece));
}

Async<void> PipedExchange::write_changed(std::string piece) {
  if (piece.empty()) co_return Result<void>{};
  co_return co_await inner_.write(piece);
}

Async<void> PipedExchange::finish(net::Headers trailers) {
  if (!walk_.changes_answer()) return inner_.finish(std::move(trailers));
  return finish_changed(std::move(trailers));
}

Async<void> PipedExchange::finish_changed(net::Headers trailers) {
  MECHA_CO_TRY_VOID(co_await write_changed(walk_.answer_end()));
  co_return co_await inner_.finish(std::move(trailers));
}

Async<std::string_view> PipedExchange::read() {
  while (!ended_) {
    MECHA_CO_TRY(const auto piece, co_await inner_.body().read());
    ended_ = piece.empty();
    buffer_ = ended_ ? walk_.request_end() : walk_.request_piece(piece);
    MECHA_CO_TRY_VOID(length_.add(buffer_.size()));
    if (ended_) MECHA_CO_TRY_VOID(length_.end());
    if (!buffer_.empty()) co_return std::string_view(buffer_);
  }
  co_return std::string_view();
}

}  // namespace mecha::api
