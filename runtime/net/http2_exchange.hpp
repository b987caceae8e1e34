// Http2Exchange: one request on a server's stream. Included in .cpp files of runtime/net only.

#pragma once

#include <functional>
#include <string>

#include "runtime/net/exchange.hpp"
#include "runtime/net/http2.hpp"
#include "runtime/net/http2_session.hpp"

namespace mecha::net {

class Http2Exchange final : public Exchange, public BodyReader, public Http2Stream {
 public:
  Http2Exchange(Http2Session& session, const SessionContext& context, std::function<void()> drain);
  ~Http2Exchange() override { leave(); }

  const RequestHead& request() const override { return head_; }
  BodyReader& body() override { return *this; }
  const PeerInfo& peer() const override { return context_.peer; }
  Async<void> respond(ResponseHead head, std::string body) override;
  Async<void> start(ResponseHead head) override;
  Async<void> write(std::string_view piece) override;
  Async<void> finish(Headers trailers) override;
  bool started() const override { return started_; }
  unsigned status() const override { return status_; }
  std::uint64_t sent_bytes() const override { return sent_ + pending(); }
  std::uint64_t received_bytes() const override { return received_; }
  void abort() override;
  void expire(ResponseHead head, Headers trailers) override;
  void close_after() override { drain_(); }
  void on_disconnect(std::function<void()> hook) override;
  void cancel_handler() override {
    if (handler_ != nullptr) handler_->emit(asio::cancellation_type::terminal);
  }

  Async<std::string_view> read() override;
  bool ready() const override { return can_take(); }
  asio::awaitable<bool> until_ready() override { return reader_.wait(); }
  void nudge() override;

  // Used by the session only.
  void opened(std::int32_t id, SteadyTime now) {
    attach(id);
    since_ = now;
  }
  SteadyTime since() const { return since_; }
  void set_head(RequestHead head, bool whole) {
    head_ = std::move(head);
    in_end_ = whole;
  }
  void add_field(std::string_view name, std::string_view value);
  // Completes the head; false if it is malformed in a way that nghttp2 does not look for.
  bool complete(bool whole);
  void hold(std::size_t size) { hold_head(size); }
  // There was no room for it when it began.
  void turn_away() { turned_away_ = true; }
  bool is_turned_away() const { return turned_away_; }
  void too_large() { too_large_ = true; }
  bool is_too_large() const { return too_large_; }
  void answer_too_large();
  void refuse(std::uint32_t code) { reset(code); }
  bool unanswered() const { return !out_done_ && !closed_; }
  bool reset_pending() const { return out_done_ && !in_end_ && (handler_ended_ || expired_); }
  void stop_sending() { reset(NGHTTP2_NO_ERROR); }
  // The handler has returned: without an answer the stream is broken off.
  void handler_ended();
  // Cancels the handler's coroutine.
  void set_cancel(asio::cancellation_signal& signal) { handler_ = &signal; }

 private:
  void on_close(std::uint32_t code) override;
  Error gone() const override;
  void submit(const ResponseHead& head, bool with_body);
  ResponseHead instead_of(std::string_view field) const;
  bool forbids_body(unsigned status) const;

  const SessionContext& context_;
  std::function<void()> drain_;
  RequestHead head_;
  SteadyTime since_{};
  HookPoint disconnect_;
  std::uint64_t body_read_ = 0;
  unsigned status_ = 0;
  bool grpc_ = false;
  bool expects_continue_ = false;
  asio::cancellation_signal* handler_ = nullptr;
  bool started_ = false;
  bool no_body_ = false;
  bool too_large_ = false;
  bool turned_away_ = false;
  bool handler_ended_ = false;
  bool expired_ = false;
};

}  // namespace mecha::net
