#include "api/grpc/subscribe.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "api/grpc/message.hpp"
#include "dapr/proto/runtime/v1/pubsub.pb.h"
#include "runtime/base/wire.hpp"
#include "runtime/capabilities/pubsub/streams.hpp"

namespace mecha::api {
namespace {

namespace pb = dapr::proto::runtime::v1;
using pubsub::Stream;
using pubsub::Streams;

Result<SubscriptionSpec> spec_of(const pb::SubscribeTopicEventsRequestAlpha1& message) {
  if (!message.has_initial_request()) return fail(Code::unknown, "initial request is required");
  const auto& initial = message.initial_request();
  if (initial.pubsub_name().empty()) return fail(Code::unknown, "pubsubName is required");
  if (initial.topic().empty()) return fail(Code::unknown, "topic is required");
  SubscriptionSpec spec;
  spec.pubsub = initial.pubsub_name();
  spec.topic = initial.topic();
  spec.dead_letter_topic = initial.dead_letter_topic();
  spec.metadata.insert(initial.metadata().begin(), initial.metadata().end());
  spec.rules = {{.match = "", .path = "/"}};
  spec.kind = SubscriptionKind::streaming;
  return spec;
}

// The way out of a stream. Events wait until the first answer has gone.
struct Outlet {
  explicit Outlet(GrpcRequest& for_request, Executor executor) : request(for_request), opened(std::move(executor)) {}

  Async<void> open() {
    pb::SubscribeTopicEventsResponseAlpha1 first;
    first.mutable_initial_response();
    MECHA_CO_TRY_VOID(co_await request.write(first));
    opened.set();
    co_return Result<void>{};
  }

  static Async<void> send(Outlet& outlet, std::string event) {
    while (!outlet.opened.is_set()) co_await outlet.opened.wait();
    std::string message;
    message.reserve(event.size() + 8);
    wire::bytes_always(message, 2, event);
    co_return co_await outlet.request.call.write(message);
  }

  GrpcRequest& request;
  Event opened;
};

// Takes verdicts until the application has no more to say, or says something that it may not.
Async<void> listen(GrpcRequest& request, Stream& stream) {
  for (;;) {
    pb::SubscribeTopicEventsRequestAlpha1 message;
    MECHA_CO_TRY(const bool there, co_await request.read(message));
    if (!there) co_return Result<void>{};
    if (message.has_initial_request()) co_return fail(Code::unknown, "duplicate initial request received");
    if (!message.has_event_processed()) continue;
    const auto& processed = message.event_processed();
    stream.processed(processed.id(), static_cast<std::uint64_t>(processed.status().status()));
  }
}

Async<void> converse(GrpcRequest& request, Stream& stream, Outlet& outlet) {
  using namespace asio::experimental::awaitable_operators;
  MECHA_CO_TRY_VOID(co_await outlet.open());
  auto ended = co_await (listen(request, stream) || stream.wait_for_end());
  if (ended.index() != 0) co_return Result<void>{};
  co_return std::get<0>(std::move(ended));
}

Async<void> subscribe(Streams& streams, GrpcRequest& request) {
  pb::SubscribeTopicEventsRequestAlpha1 first;
  MECHA_CO_TRY(const bool there, co_await request.read(first));
  if (!there) co_return Result<void>{};
  MECHA_CO_TRY(auto spec, spec_of(first));
  Outlet outlet(request, co_await asio::this_coro::executor);
  const auto send = [&outlet](std::string event) { return Outlet::send(outlet, std::move(event)); };
  MECHA_CO_TRY(const auto stream, co_await streams.open(request.scope, std::move(spec), send));
  request.scope.snapshot.reset();  // a stream holds nothing that hot reload takes away
  auto ended = co_await converse(request, *stream, outlet);
  outlet.opened.set();
  co_await stream->close();
  co_return ended;
}

}  // namespace

std::vector<GrpcMethod> subscribe_methods(Streams& streams) {
  return {streaming("SubscribeTopicEventsAlpha1", "subscribe.v1alpha1", streams, subscribe)};
}

}  // namespace mecha::api
