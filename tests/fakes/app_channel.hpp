// FakeChannel: an application that answers from two functions and remembers what it was sent. Has
// no health gate and no limits; the trace headers that a real channel adds are kept apart as
// `span`.

#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "runtime/app/app_channel.hpp"

namespace mecha::testing {

class FakeChannel final : public AppChannel {
 public:
  struct Request {
    AppRequest request;
    trace::Context span;
    std::optional<std::chrono::nanoseconds> limit;
  };
  struct Call {
    std::string method, message;
    net::Headers metadata;
    bool limited = false, with_token = false;
    trace::Context span;
    std::optional<std::chrono::nanoseconds> limit;
  };

  explicit FakeChannel(Shards& shards, AppProtocol protocol = AppProtocol::http)
      : client_(shards, {.host = "127.0.0.1", .port = 1}, {}) {
    options_.protocol = protocol;
  }

  // How it answers; without a function 200 or an empty message.
  std::function<Result<AppAnswer>(const AppRequest&)> on_request;
  std::function<Result<net::grpc::Unary>(const Call&)> on_call;
  // What it saw, in order.
  std::vector<Request> requests;
  std::vector<Call> calls;

  AppProtocol protocol() const override { return options_.protocol; }
  const AppChannelOptions& options() const override { return options_; }
  net::Client& client() override { return client_; }
  void set_healthy(bool healthy) override { healthy_ = healthy; }
  bool healthy() const override { return healthy_; }

  Async<AppAnswer> request(
      RequestScope& scope, AppRequest request, std::optional<std::chrono::nanoseconds> limit
  ) override {
    requests.push_back({request, scope.span, limit});
    if (on_request) co_return on_request(request);
    co_return AppAnswer{.status = 200};
  }

  Async<std::unique_ptr<AppCall>> open(RequestScope&, net::RequestHead, std::uint64_t) override {
    co_return fail(Code::unimplemented, "the fake has no streamed calls");
  }

  Async<net::grpc::Unary> call(
      RequestScope& scope,
      std::string method,
      net::Headers metadata,
      std::string message,
      bool limited,
      bool with_token,
      std::optional<std::chrono::nanoseconds> limit
  ) override {
    calls.push_back(
        {std::move(method),
         std::move(message),
         std::move(metadata),
         limited,
         with_token,
         scope.span,
         limit}
    );
    if (on_call) co_return on_call(calls.back());
    co_return net::grpc::Unary{};
  }

 private:
  AppChannelOptions options_;
  net::Client client_;
  bool healthy_ = true;
};

}  // namespace mecha::testing
