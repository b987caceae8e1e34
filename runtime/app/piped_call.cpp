#include "runtime/app/piped_call.hpp"

namespace mecha {
namespace {

class PipedCall final : public net::ClientCall {
 public:
  PipedCall(
      std::shared_ptr<middleware::Walk> walk, std::unique_ptr<net::ClientCall> inner, std::optional<std::uint64_t> declared
  )
      : walk_(std::move(walk)), inner_(std::move(inner)), length_(declared) {}

  Async<void> write(std::string_view piece) override {
    if (!walk_->changes_request()) return inner_->write(piece);
    return pass(walk_->request_piece(piece));
  }

  Async<void> finish_writing() override {
    if (!walk_->changes_request()) return inner_->finish_writing();
    return pass_end();
  }

  Async<net::ResponseHead*> head() override {
    if (wrong_) co_return fail(*wrong_);
    MECHA_CO_TRY(auto* head, co_await inner_->head());
    if (!std::exchange(have_head_, true)) walk_->finish_head(*head);
    co_return head;
  }

  Async<std::string_view> read() override {
    if (!walk_->changes_answer()) return inner_->read();
    return read_changed();
  }
  bool at_end() const override { return walk_->changes_answer() ? ended_ : inner_->at_end(); }
  const net::Headers& trailers() const override { return inner_->trailers(); }
  void cancel() override { inner_->cancel(); }

 private:
  // A body of another length than declared would be read as something else: the call ends, and head() says why.
  std::unexpected<Error> give_up(Error why) {
    wrong_ = std::move(why);
    inner_->cancel();
    return fail(*wrong_);
  }

  Async<void> pass(std::string piece) {
    if (auto fits = length_.add(piece.size()); !fits) co_return give_up(std::move(fits).error());
    if (piece.empty()) co_return Result<void>{};
    co_return co_await inner_->write(piece);
  }

  Async<void> pass_end() {
    MECHA_CO_TRY_VOID(co_await pass(walk_->request_end()));
    if (auto fits = length_.end(); !fits) co_return give_up(std::move(fits).error());
    co_return co_await inner_->finish_writing();
  }

  Async<std::string_view> read_changed() {
    while (!ended_) {
      MECHA_CO_TRY(const auto piece, co_await inner_->read());
      ended_ = piece.empty();
      buffer_ = ended_ ? walk_->answer_end() : walk_->answer_piece(piece);
      if (!buffer_.empty()) co_return std::string_view(buffer_);
    }
    co_return std::string_view();
  }

  std::shared_ptr<middleware::Walk> walk_;
  std::unique_ptr<net::ClientCall> inner_;
  middleware::LengthCheck length_;
  std::optional<Error> wrong_;
  std::string buffer_;
  bool have_head_ = false, ended_ = false;
};

class RepliedCall final : public net::ClientCall {
 public:
  RepliedCall(net::ResponseHead head, std::string body) : head_(std::move(head)), body_(std::move(body)) {}

  Async<void> write(std::string_view) override { co_return Result<void>{}; }
  Async<void> finish_writing() override { co_return Result<void>{}; }
  Async<net::ResponseHead*> head() override { co_return &head_; }
  Async<std::string_view> read() override { return body_.read(); }
  bool at_end() const override { return body_.at_end(); }
  const net::Headers& trailers() const override { return trailers_; }
  void cancel() override {}

 private:
  net::ResponseHead head_;
  net::TextBody body_;
  net::Headers trailers_;
};

}  // namespace

std::unique_ptr<net::ClientCall> piped_call(
    std::shared_ptr<middleware::Walk> walk, std::unique_ptr<net::ClientCall> inner, std::optional<std::uint64_t> declared
) {
  return std::make_unique<PipedCall>(std::move(walk), std::move(inner), declared);
}

std::unique_ptr<net::ClientCall> replied_call(middleware::Walk& walk, middleware::Reply reply) {
  auto body = walk.answer_piece(reply.body) + walk.answer_end();
  net::ResponseHead head{.status = reply.status, .headers = std::move(reply.headers)};
  walk.finish_head(head);
  head.content_length = body.size();
  return std::make_unique<RepliedCall>(std::move(head), std::move(body));
}

Async<std::unique_ptr<net::ClientCall>> open_piped(
    const middleware::Pipeline& pipeline, net::Client& client, net::RequestHead head
) {
  auto walk = std::make_shared<middleware::Walk>();
  if (auto reply = co_await walk->enter(pipeline, head, {})) co_return replied_call(*walk, *std::move(reply));
  const auto declared = head.content_length;
  MECHA_CO_TRY(auto call, co_await client.open(std::move(head)));
  co_return piped_call(std::move(walk), std::move(call), declared);
}

}  // namespace mecha
