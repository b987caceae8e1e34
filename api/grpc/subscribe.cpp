#include "api/grpc/subscribe.hpp"

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

Async<void> send(GrpcRequest& request, std::string event) {
  std::string message;
  message.reserve(event.size() + 8);
  wire::bytes_always(message, 2, event);
  co_return co_await request.call.write(message);
}

// Opening ends before the long wait begins, so that what only it needs is gone by then.
Async<std::unique_ptr<Stream>> open(Streams& streams, GrpcRequest& request) {
  pb::SubscribeTopicEventsRequestAlpha1 first;
  MECHA_CO_TRY(const bool there, co_await request.read(first));
  if (!there) co_return nullptr;
  MECHA_CO_TRY(auto spec, spec_of(first));
  co_return co_await streams.open(request.scope, std::move(spec), [&request](std::string event) {
    return send(request, std::move(event));
  });
}

Async<void> confirm(GrpcRequest& request, Stream& stream) {
  pb::SubscribeTopicEventsResponseAlpha1 first;
  first.mutable_initial_response();
  auto sent = co_await request.write(first);
  stream.begin();
  co_return sent;
}

// Takes the next verdict; false: the application has no more to say.
Async<bool> take_verdict(GrpcRequest& request, Stream& stream) {
  pb::SubscribeTopicEventsRequestAlpha1 message;
  MECHA_CO_TRY(const bool there, co_await request.read(message));
  if (!there) co_return false;
  if (!message.has_event_processed()) co_return fail(Code::unknown, "duplicate initial request received");
  const auto& processed = message.event_processed();
  stream.processed(processed.id(), static_cast<std::uint64_t>(processed.status().status()));
  co_return true;
}

// Until the application has no more to say, or says something that it may not, or the sidecar ends the stream. Ten thousand
// of these may wait at once: the one coroutine under this one is that of until_arrived().
Async<void> listen(Streams& streams, GrpcRequest& request) {
  std::unique_ptr<Stream> stream;
  if (auto opened = co_await open(streams, request); !opened) {
    co_return fail(std::move(opened).error());
  } else {
    stream = *std::move(opened);
  }
  if (!stream) co_return Result<void>{};
  const CancelHook in_order(request.scope, [] {});  // until_arrived() sees the end, and the stream is closed
  co_await asio::this_coro::reset_cancellation_state();
  request.scope.snapshot.reset();  // a stream holds nothing that hot reload takes away
  request.exchange.mutable_request().headers.shrink();
  stream->on_end([&request] { request.call.nudge(); });
  Result<void> ended = co_await confirm(request, *stream);
  while (ended && !stream->ending()) {
    if (request.call.has_next()) {
      const auto more = co_await take_verdict(request, *stream);
      if (!more) ended = fail(more.error());
      if (!more || !*more) break;
    } else if (request.call.arrived()) {
      ended = co_await request.call.take_in();
    } else if (!co_await request.call.until_arrived()) {
      ended = fail(Code::cancelled, "context canceled");
    }
  }
  co_await stream->close();
  co_return ended;
}

}  // namespace

std::vector<GrpcMethod> subscribe_methods(Streams& streams) {
  return {streaming("SubscribeTopicEventsAlpha1", "subscribe.v1alpha1", streams, listen)};
}

}  // namespace mecha::api
