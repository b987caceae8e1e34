// The exchange behind httpPipeline: bodies and the head of the answer pass through the middleware of one walk.

#pragma once

#include "components/middleware/pipeline.hpp"
#include "runtime/net/exchange.hpp"

namespace mecha::api {

class PipedExchange final : public net::Exchange, public net::BodyReader {
 public:
  // Both outlive it; `walk` has been entered before anything is read or answered.
  PipedExchange(net::Exchange& inner, middleware::Walk& walk)
      : inner_(inner), walk_(walk), length_(inner.request().content_length) {}

  const net::RequestHead& request() const override { return inner_.request(); }
  net::BodyReader& body() override { return walk_.changes_request() ? *this : inner_.body(); }
  const net::PeerInfo& peer() const override { return inner_.peer(); }
  Async<void> respond(net::ResponseHead head, std::string body) override;
  Async<void> start(net::ResponseHead head) override;
  Async<void> write(std::string_view piece) override;
  Async<void> finish(net::Headers trailers) override;
  bool started() const override { return inner_.started(); }
  unsigned status() const override { return inner_.status(); }
  std::uint64_t sent_bytes() const override { return inner_.sent_bytes(); }
  std::uint64_t received_bytes() const override { return inner_.received_bytes(); }
  void abort() override { inner_.abort(); }
  void expire(net::ResponseHead head, net::Headers trailers) override { inner_.expire(std::move(head), std::move(trailers)); }
  void close_after() override { inner_.close_after(); }
  void on_disconnect(std::function<void()> hook) override { inner_.on_disconnect(std::move(hook)); }
  void cancel_handler() override { inner_.cancel_handler(); }

  Async<std::string_view> read() override;  // of BodyReader
  bool at_end() const override { return ended_; }

 private:
  Async<void> write_changed(std::string piece);
  Async<void> finish_changed(net::Headers trailers);

  net::Exchange& inner_;
  middleware::Walk& walk_;
  middleware::LengthCheck length_;
  std::string buffer_;
  bool ended_ = false;
};

}  // namespace mecha::api
