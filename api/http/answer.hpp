// The exchange as a handler sees it: the network's, plus what every answer of the API carries.

#pragma once

#include "runtime/net/exchange.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::api {

class Answer final : public net::Exchange {
 public:
  Answer(net::Exchange& inner, RequestScope& scope) : inner_(inner), scope_(scope) {}

  // Headers that every answer gets (CORS). Trace, baggage and Server-Timing are added by themselves.
  net::Headers extra;
  bool traced = false;  // traceparent, tracestate and baggage go out
  // State of the component that the request names, if it is not ready: told by `Mecha-Component-State` beside an error.
  std::string component_state;
  bool given_up = false;  // the client did not wait for it

  const net::RequestHead& request() const override { return inner_.request(); }
  net::BodyReader& body() override { return inner_.body(); }
  const net::PeerInfo& peer() const override { return inner_.peer(); }
  Async<void> respond(net::ResponseHead head, std::string body) override {
    decorate(head);
    return inner_.respond(std::move(head), std::move(body));
  }
  Async<void> start(net::ResponseHead head) override {
    decorate(head);
    return inner_.start(std::move(head));
  }
  Async<void> write(std::string_view piece) override { return inner_.write(piece); }
  Async<void> finish(net::Headers trailers) override { return inner_.finish(std::move(trailers)); }
  bool started() const override { return inner_.started(); }
  // Nobody sees the 499, except logs and metrics.
  unsigned status() const override { return given_up && !inner_.started() ? 499 : inner_.status(); }
  std::uint64_t sent_bytes() const override { return inner_.sent_bytes(); }
  std::uint64_t received_bytes() const override { return inner_.received_bytes(); }
  void abort() override { inner_.abort(); }
  void close_after() override { inner_.close_after(); }
  void on_disconnect(std::function<void()> hook) override { inner_.on_disconnect(std::move(hook)); }
  void cancel_handler() override { inner_.cancel_handler(); }

 private:
  void decorate(net::ResponseHead& head) const;

  net::Exchange& inner_;
  RequestScope& scope_;
};

}  // namespace mecha::api
