// FakeExchange: a request from memory, and the answer it got.

#pragma once

#include <string>
#include <utility>

#include "runtime/net/exchange.hpp"

namespace mecha::testing {

class FakeExchange final : public net::Exchange {
 public:
  FakeExchange(net::RequestHead head, std::string body)
      : head_(std::move(head)), body_(std::move(body)) {
    head_.has_body = body_.size() != 0;
    head_.content_length = body_.size();
  }

  net::ResponseHead answer;  // what was sent
  std::string answer_body;

  const net::RequestHead& request() const override { return head_; }
  net::BodyReader& body() override { return body_; }
  const net::PeerInfo& peer() const override { return peer_; }

  Async<void> respond(net::ResponseHead head, std::string body) override {
    answer = std::move(head);
    answer_body = std::move(body);
    started_ = true;
    co_return Result<void>{};
  }
  Async<void> start(net::ResponseHead head) override { return respond(std::move(head), {}); }
  Async<void> write(std::string_view piece) override {
    answer_body.append(piece);
    co_return Result<void>{};
  }
  Async<void> finish(net::Headers) override { co_return Result<void>{}; }

  bool started() const override { return started_; }
  unsigned status() const override { return answer.status; }
  std::uint64_t sent_bytes() const override { return answer_body.size(); }
  std::uint64_t received_bytes() const override { return body_.size(); }
  void abort() override {}
  void close_after() override {}
  void on_disconnect(std::function<void()>) override {}
  void cancel_handler() override {}

 private:
  net::RequestHead head_;
  net::TextBody body_;
  net::PeerInfo peer_{.address = "127.0.0.1:1", .identity = {}};
  bool started_ = false;
};

}  // namespace mecha::testing
