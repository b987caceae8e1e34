#include "runtime/net/message.hpp"

namespace mecha::net {

bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

Error body_too_large() {
  return {
      .code = Code::resource_exhausted,
      .message = "stream too large",
      .failure = Failure::body_too_large};
}

Async<std::string> read_all(BodyReader& body, std::uint64_t limit) {
  std::string all;
  for (;;) {
    MECHA_CO_TRY(const auto piece, co_await body.read());
    if (piece.empty()) co_return all;
    if (limit != 0 && all.size() + piece.size() > limit) {
      co_return fail(body_too_large());
    }
    all.append(piece);
  }
}

Async<std::string_view> TextBody::read() {
  if (done_) co_return std::string_view();
  done_ = true;
  co_return std::string_view(text_);
}

}  // namespace mecha::net
