#include "components/rabbitmq/publisher.hpp"

#include "runtime/async/within.hpp"

namespace mecha::rabbitmq {

using namespace std::chrono_literals;

Publisher::Publisher(Executor executor, std::shared_ptr<const Options> options, PublisherOptions how)
    : executor_(executor), options_(std::move(options)), how_(std::move(how)), gate_(executor), opened_(executor) {}

Async<void> Publisher::connect() {
  MECHA_CO_TRY_VOID(co_await channel());
  co_return Result<void>{};
}

// Whoever finds no channel starts one opening for all.
Async<std::shared_ptr<Channel>> Publisher::channel() {
  if (closed_) co_return fail(Code::unavailable, "the component is closed");
  if (channel_ != nullptr && !channel_->broken()) co_return channel_;
  if (!opening_) {
    opening_ = true;
    failed_.reset();
    spawn(gate_, executor_, reopen());
  }
  while (opening_ && !closed_) co_await opened_.wait();
  if (channel_ != nullptr && !channel_->broken()) co_return channel_;
  co_return fail(failed_.value_or(Error{.code = Code::unavailable, .message = "the connection broke"}));
}

asio::awaitable<void> Publisher::reopen() {
  struct Done {
    Publisher& self;
    ~Done() {
      self.opening_ = false;
      self.opened_.pulse();
    }
  } done{*this};
  if (channel_ != nullptr) co_await channel_->close();
  channel_.reset();
  auto made = co_await Channel::open(executor_, options_);
  if (!made) {
    failed_ = std::move(made).error();
    co_return;
  }
  channel_ = *std::move(made);
  Result<void> ready;
  if (how_.confirm) ready = co_await channel_->select_confirms();
  if (ready && how_.prepare) ready = co_await how_.prepare(channel_);
  if (ready) co_return;
  failed_ = ready.error();
  channel_->cut(std::move(ready).error());
}

Async<void> Publisher::publish_once(const Outgoing& message, bool& had_channel) {
  auto open = co_await channel();
  if (!open) co_return fail(std::move(open).error());
  had_channel = true;
  const auto held = *std::move(open);
  if (message.before) held->cast(*message.before);
  co_return co_await held->publish(message.exchange, message.routing_key, message.properties, message.body);
}

Async<void> Publisher::publish(Outgoing message) {
  for (int attempt = 1;; ++attempt) {
    bool had_channel = false;
    auto done = co_await publish_once(message, had_channel);
    if (done || attempt >= how_.attempts || closed_) co_return done;
    if (!co_await sleep_for(had_channel ? how_.pause : how_.reconnect_pause)) co_return done;
  }
}

asio::awaitable<void> Publisher::close() {
  closed_ = true;
  co_await gate_.close(0s);
  if (channel_ != nullptr) co_await channel_->close();
  opened_.pulse();
}

}  // namespace mecha::rabbitmq
