// Message broker in a process of its own (contract 06, section 8; 04b). Order, acknowledgement and redelivery are the
// component's; messages of one partition key reach the handler one after another.

#include <atomic>
#include <mutex>

#include "components/catalog.hpp"
#include "components/pluggable/feed.hpp"
#include "components/pluggable/messages.hpp"
#include "components/pubsub/pubsub.hpp"
#include "dapr/proto/components/v1/pubsub.pb.h"
#include "runtime/async/within.hpp"

namespace mecha::pubsub {
namespace {

namespace proto = dapr::proto::components::v1;
using pluggable::ask;
using pluggable::Feed;
using pluggable::Job;
using pluggable::Link;

constexpr auto kPauseLimit = std::chrono::seconds(1);

class PluggableSubscription final : public Subscription {
 public:
  explicit PluggableSubscription(std::unique_ptr<Feed> feed) : feed_(std::move(feed)) {}
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace) override { co_await feed_->stop(grace); }

 private:
  const std::unique_ptr<Feed> feed_;
};

asio::awaitable<std::optional<std::string>> handle(Handler handler, std::string id, Message message) {
  const auto verdict = co_await handler(std::move(message));
  if (verdict == Verdict::abandoned) co_return std::nullopt;
  proto::PullMessagesRequest answer;
  answer.set_ack_message_id(id);
  if (verdict == Verdict::failed) answer.mutable_ack_error()->set_message("the message was not processed and may be delivered again");
  co_return answer.SerializeAsString();
}

asio::awaitable<std::optional<std::string>> unanswered() { co_return std::nullopt; }

Feed::Handler handler_of(std::string topic, Handler handler, Log log) {
  return [topic = std::move(topic), handler = std::move(handler), log = std::move(log)](const std::string& bytes) -> Job {
    auto parsed = pluggable::parse<proto::PullMessagesResponse>(bytes);
    if (!parsed) {
      log.error("a message of the component cannot be read", {{"topic", topic}});
      return {.key = {}, .run = &unanswered};
    }
    Message message{.topic = parsed->topic_name(), .data = std::move(*parsed->mutable_data())};
    if (message.topic.empty()) message.topic = topic;
    message.content_type = parsed->content_type();
    message.metadata = pluggable::texts(parsed->metadata());
    Job job;
    if (const auto* key = key_of(message.metadata)) job.key = *key;
    const auto shared = std::make_shared<Message>(std::move(message));
    job.run = [handler, id = parsed->id(), shared]() { return handle(handler, id, std::move(*shared)); };
    return job;
  };
}

class PluggableBroker final : public PubSub {
 public:
  PluggableBroker(const ComponentSpec& spec, const ComponentContext& context, const pluggable::Remote& remote)
      : name_(context.name),
        log_(context.log),
        properties_(pluggable::properties(spec)),
        link_(std::make_shared<Link>(context, remote, [this](Link& link) { return greet(link); })) {}

  Async<void> start() override { return link_->start(); }
  Async<void> stop() override {
    co_await link_->stop();
    co_return Result<void>{};
  }
  std::vector<std::string> features() const override {
    const std::lock_guard lock(mutex_);
    return features_;
  }

  Async<void> publish(PublishRequest request) override {
    proto::PublishRequest message;
    message.set_topic(request.topic);
    message.set_pubsub_name(name_);
    message.set_data(std::move(request.data));
    if (request.metadata) pluggable::fill(*message.mutable_metadata(), *request.metadata);
    if (request.content_type) message.set_content_type(*request.content_type);
    MECHA_CO_TRY_VOID(co_await ask<proto::PublishResponse>(*link_, "PubSub/Publish", std::move(message)));
    co_return Result<void>{};
  }

  // A component that does not know the call gets single messages.
  asio::awaitable<std::vector<FailedEntry>> bulk_publish(BulkPublishRequest request) override {
    if (singles_) co_return co_await PubSub::bulk_publish(std::move(request));
    proto::BulkPublishRequest message;
    message.set_topic(request.topic);
    message.set_pubsub_name(name_);
    pluggable::fill(*message.mutable_metadata(), request.metadata);
    for (const auto& entry : request.entries) {
      auto& one = *message.add_entries();
      one.set_entry_id(entry.entry_id);
      one.set_event(entry.data);
      one.set_content_type(entry.content_type);
      if (entry.metadata) pluggable::fill(*one.mutable_metadata(), *entry.metadata);
    }
    const auto answer = co_await ask<proto::BulkPublishResponse>(*link_, "PubSub/BulkPublish", std::move(message));
    std::vector<FailedEntry> failed;
    if (!answer && answer.error().code == Code::unimplemented) {
      singles_ = true;
      co_return co_await PubSub::bulk_publish(std::move(request));
    }
    if (!answer) {
      for (auto& entry : request.entries) failed.push_back({std::move(entry.entry_id), answer.error()});
      co_return failed;
    }
    for (const auto& one : answer->failed_entries()) {
      failed.push_back({one.entry_id(), Error{.code = Code::unknown, .message = one.error()}});
    }
    co_return failed;
  }

  Async<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request, Handler handler) override {
    proto::PullMessagesRequest first;
    first.mutable_topic()->set_name(request.topic);
    pluggable::fill(*first.mutable_topic()->mutable_metadata(), request.metadata);
    pluggable::FeedOptions options{.method = "PubSub/PullMessages", .first = first.SerializeAsString(), .what = "topic " + request.topic};
    auto feed = std::make_unique<Feed>(
        co_await asio::this_coro::executor, link_, std::move(options), log_, handler_of(request.topic, std::move(handler), log_)
    );
    auto started = co_await feed->start(false);
    if (!started) co_return fail(std::move(started).error().context("unable to subscribe"));
    co_return std::make_unique<PluggableSubscription>(std::move(feed));
  }

  // The call is an option of components.
  asio::awaitable<void> wind_down() override {
    const auto paused = co_await within(kPauseLimit, ask<proto::PauseResponse>(*link_, "PubSub/Pause", proto::PauseRequest()));
    if (paused || paused.error().code == Code::unimplemented) co_return;
    log_.warn("the component did not pause before the stop", {{"error", paused.error().message}});
  }

 private:
  Async<void> greet(Link& link) {
    proto::PubSubInitRequest init;
    pluggable::fill(*init.mutable_metadata()->mutable_properties(), properties_);
    MECHA_CO_TRY_VOID(co_await pluggable::greet<proto::PubSubInitResponse>(link, "PubSub/Init", std::move(init)));
    MECHA_CO_TRY(const auto answer, co_await pluggable::greet<proto::FeaturesResponse>(link, "PubSub/Features", proto::FeaturesRequest()));
    singles_ = false;
    const std::lock_guard lock(mutex_);
    features_.assign(answer.features().begin(), answer.features().end());
    co_return Result<void>{};
  }

  const std::string name_;
  const Log log_;
  const std::map<std::string, std::string> properties_;
  std::atomic<bool> singles_ = false;  // it does not know BulkPublish
  mutable std::mutex mutex_;           // of features_, which another process of the component may change
  std::vector<std::string> features_;
  const std::shared_ptr<Link> link_;
};

}  // namespace

void register_pluggable(Catalog& catalog) { catalog.add_remote<PluggableBroker>("pubsub", {"PubSub"}); }

}  // namespace mecha::pubsub
