// Binding in a process of its own, inwards, outwards or both on one socket (contract 06, section 8; 04b).

#include <mutex>

#include "components/bindings/binding.hpp"
#include "components/catalog.hpp"
#include "components/pluggable/feed.hpp"
#include "components/pluggable/messages.hpp"
#include "dapr/proto/components/v1/bindings.pb.h"

namespace mecha::bindings {
namespace {

namespace proto = dapr::proto::components::v1;
using pluggable::ask;
using pluggable::Feed;
using pluggable::Job;
using pluggable::Link;

asio::awaitable<std::optional<std::string>> handle(EventHandler handler, std::string id, InputEvent event) {
  const auto handled = co_await handler(std::move(event));
  proto::ReadRequest answer;
  answer.set_message_id(id);
  if (handled) {
    answer.set_response_data(*handled);
  } else {
    answer.mutable_response_error()->set_message(handled.error().message);
  }
  co_return answer.SerializeAsString();
}

asio::awaitable<std::optional<std::string>> unanswered() { co_return std::nullopt; }

class PluggableBinding final : public Binding, public InputBinding, public OutputBinding {
 public:
  PluggableBinding(const ComponentSpec& spec, const ComponentContext& context, const pluggable::Remote& remote)
      : home_(context.shards.executor(0)),
        log_(context.log),
        properties_(pluggable::properties(spec)),
        link_(std::make_shared<Link>(context, remote, [this](Link& link) { return greet(link); })) {
    const auto direction = spec.value("direction").value_or("");
    const auto asked = [&](std::string_view which) { return direction.empty() || direction.find(which) != std::string_view::npos; };
    in_ = remote.serves("InputBinding") && asked("input");
    out_ = remote.serves("OutputBinding") && asked("output");
  }

  InputBinding* input() override { return in_ ? this : nullptr; }
  OutputBinding* output() override { return out_ ? this : nullptr; }

  Async<void> start() override { return link_->start(); }
  Async<void> stop() override {
    if (feed_) co_await feed_->stop(std::chrono::seconds(0));
    feed_.reset();
    co_await link_->stop();
    co_return Result<void>{};
  }

  std::vector<std::string> operations() const override {
    const std::lock_guard lock(mutex_);
    return operations_;
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    proto::InvokeRequest message;
    message.set_data(std::move(request.data));
    message.set_operation(std::move(request.operation));
    pluggable::fill(*message.mutable_metadata(), request.metadata);
    auto answered = co_await ask<proto::InvokeResponse>(*link_, "OutputBinding/Invoke", std::move(message));
    if (!answered) co_return failure(std::move(answered).error());
    co_return answer(std::move(*answered->mutable_data()), pluggable::texts(answered->metadata()));
  }

  Async<void> read(EventHandler handler) override {
    auto take = [handler = std::move(handler), log = log_](const std::string& bytes) -> Job {
      auto parsed = pluggable::parse<proto::ReadResponse>(bytes);
      if (!parsed) {
        log.error("an event of the component cannot be read");
        return {.key = {}, .run = &unanswered};
      }
      const auto event = std::make_shared<InputEvent>(std::move(*parsed->mutable_data()), pluggable::texts(parsed->metadata()));
      return {.key = {}, .run = [handler, id = parsed->message_id(), event]() { return handle(handler, id, std::move(*event)); }};
    };
    pluggable::FeedOptions options{.method = "InputBinding/Read", .first = {}, .what = "events"};
    feed_ = std::make_unique<Feed>(home_, link_, std::move(options), log_, std::move(take));
    co_return co_await feed_->start(true);
  }

  asio::awaitable<void> stop_reading(std::chrono::steady_clock::duration grace) override {
    const auto feed = std::move(feed_);
    if (feed) co_await feed->stop(grace);
  }

 private:
  Async<void> greet(Link& link) {
    if (in_) {
      proto::InputBindingInitRequest init;
      pluggable::fill(*init.mutable_metadata()->mutable_properties(), properties_);
      MECHA_CO_TRY_VOID(co_await pluggable::greet<proto::InputBindingInitResponse>(link, "InputBinding/Init", std::move(init)));
    }
    if (!out_) co_return Result<void>{};
    proto::OutputBindingInitRequest init;
    pluggable::fill(*init.mutable_metadata()->mutable_properties(), properties_);
    MECHA_CO_TRY_VOID(co_await pluggable::greet<proto::OutputBindingInitResponse>(link, "OutputBinding/Init", std::move(init)));
    MECHA_CO_TRY(
        const auto list,
        co_await pluggable::greet<proto::ListOperationsResponse>(link, "OutputBinding/ListOperations", proto::ListOperationsRequest())
    );
    const std::lock_guard lock(mutex_);
    operations_.assign(list.operations().begin(), list.operations().end());
    co_return Result<void>{};
  }

  const Executor home_;
  const Log log_;
  const std::map<std::string, std::string> properties_;
  bool in_ = false, out_ = false;
  mutable std::mutex mutex_;  // of operations_, which another process of the component may change
  std::vector<std::string> operations_;
  const std::shared_ptr<Link> link_;
  std::unique_ptr<Feed> feed_;
};

}  // namespace

void register_pluggable(Catalog& catalog) { catalog.add_remote<PluggableBinding>("bindings", {"InputBinding", "OutputBinding"}); }

}  // namespace mecha::bindings
