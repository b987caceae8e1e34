#include "components/rabbitmq/consumer.hpp"

#include "runtime/async/within.hpp"

namespace mecha::rabbitmq {
namespace {

using namespace std::chrono_literals;

constexpr auto kFlushLimit = 2s;

}  // namespace

Consumer::Consumer(Executor executor, std::shared_ptr<const Options> options, ConsumerOptions how, Log log, DeliveryHandler handler)
    : executor_(executor),
      options_(std::move(options)),
      how_(std::move(how)),
      log_(std::move(log)),
      handler_(std::move(handler)),
      gate_(executor),
      lanes_(executor, how_.parallel),
      ready_(executor) {}

Async<void> Consumer::start(std::chrono::milliseconds limit) {
  spawn(gate_, executor_, run());
  Result<void> ready;
  std::exception_ptr stopped;
  try {
    ready = co_await within(limit, wait_until_ready());
  } catch (...) {
    stopped = std::current_exception();
  }
  if (ready && !stopped) co_return ready;
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await stop(0s);
  if (stopped) std::rethrow_exception(stopped);
  co_return fail(failed_.value_or(ready.error()));
}

Async<void> Consumer::wait_until_ready() {
  while (!ready_.is_set()) co_await ready_.wait();
  co_return Result<void>{};
}

asio::awaitable<void> Consumer::run() {
  while (!stopping_) {
    auto made = co_await Channel::open(executor_, options_);
    Result<void> done;
    if (made) {
      channel_ = *std::move(made);
      done = co_await receive();
      co_await channel_->close();
    } else {
      done = fail(std::move(made).error());
    }
    if (stopping_) co_return;
    log_.warn("receiving from the queue failed", {{"queue", how_.queue}, {"error", done.error().message}});
    failed_ = std::move(done).error();
    if (!co_await sleep_for(how_.reconnect_pause)) co_return;
  }
}

// Until the channel breaks: always ends with an error.
Async<void> Consumer::receive() {
  const auto channel = channel_;
  if (how_.prefetch > 0) {
    Writer qos(Method::basic_qos);
    qos.u32(0).u16(how_.prefetch).u8(0);
    MECHA_CO_TRY_VOID(co_await channel->call(std::move(qos), Method::basic_qos_ok));
  }
  MECHA_CO_TRY_VOID(co_await how_.prepare(channel));
  const int flags = (how_.auto_acknowledge ? 2 : 0) | (how_.exclusive ? 4 : 0);
  Writer consume(Method::basic_consume);
  consume.u16(0).short_text(how_.queue).short_text(how_.tag).u8(static_cast<std::uint8_t>(flags)).table({});
  MECHA_CO_TRY_VOID(co_await channel->call(std::move(consume), Method::basic_consume_ok));
  ready_.set();
  for (;;) {
    co_await lanes_.below(how_.parallel);
    MECHA_CO_TRY(auto delivery, co_await channel->next());
    if (stopping_) continue;
    auto shared = std::make_shared<Delivery>(std::move(delivery));
    lanes_.push(nullptr, [this, channel, shared]() { return handle(channel, shared); });
  }
}

asio::awaitable<void> Consumer::handle(std::shared_ptr<Channel> channel, std::shared_ptr<Delivery> delivery) {
  if (channel->broken()) co_return;  // it comes again
  const auto tag = delivery->tag;
  const auto settle = co_await handler_(std::move(*delivery));
  if (how_.auto_acknowledge || settle == Settle::leave) co_return;
  if (settle == Settle::acknowledge) channel->acknowledge(tag);
  else channel->reject(tag, settle == Settle::requeue);
}

asio::awaitable<void> Consumer::stop(std::chrono::steady_clock::duration grace) {
  stopping_ = true;
  const auto channel = channel_;
  if (channel != nullptr) channel->cast(Writer(Method::basic_cancel).short_text(how_.tag).u8(1));
  lanes_.drop_waiting();
  co_await lanes_.close(grace);
  if (channel != nullptr) (void)co_await within(kFlushLimit, channel->flushed());
  co_await gate_.close(0s);
  if (channel_ != nullptr) co_await channel_->close();
}

}  // namespace mecha::rabbitmq
