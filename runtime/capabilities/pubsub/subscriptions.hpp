// Subscriptions: everything that one application receives from brokers: asks it once, joins its answer with the declared
// ones, subscribes at the brokers, follows the application's health and changes of resources (contract 03, chapters 2 and 3.7).
//
// All methods on shard 0, one at a time, except as noted. Broker subscriptions are spread over the shards.

#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "runtime/app/application.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::pubsub {

struct SubscriptionsOptions {
  bool ask_application = true;                      // false: --disable-init-endpoints subscribe
  std::chrono::milliseconds retry_first{500}, retry_most{10'000};  // of broker subscriptions that failed
};

class Subscriptions {
 public:
  Subscriptions(Application& app, SubscriptionsOptions options);
  ~Subscriptions();  // stop() comes first
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  // Starts what the current snapshot and the application want; when app health is on, at the first healthy probe. Failures
  // are logged and tried again in the background. Also after pause(); the application is asked only once.
  asio::awaitable<void> start();
  // The application is unhealthy: all broker subscriptions end.
  asio::awaitable<void> pause();
  // Before `next` is published: subscribes at the brokers that come with it, so that nothing published there is missed.
  // Does nothing before start() or while paused; so does the next one.
  asio::awaitable<void> prepare(std::shared_ptr<const Snapshot> next);
  // A new snapshot: starts, replaces and ends what differs. Subscriptions at a broker that is no longer in it go on until
  // release(), for requests that still hold it. `ask`: the application is asked again; without an answer its last counts.
  asio::awaitable<void> reload(bool ask = false);
  // Nobody publishes at this broker any more: its subscriptions end.
  asio::awaitable<void> release(std::shared_ptr<Component> broker);
  // Shutdown: nothing more is fetched, what runs may end within `grace`; what fails from now on stays with the broker.
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace);

 private:
  struct Live;

  enum class Asked : std::uint8_t { no, yes, refused };  // refused: its answer cannot be used, nothing starts

  asio::awaitable<void> ask();
  Async<std::vector<SubscriptionSpec>> ask_once();
  asio::awaitable<void> apply();
  std::vector<std::shared_ptr<Live>> open_missing(const std::vector<SubscriptionSpec>& wanted, const Snapshot& snapshot);
  asio::awaitable<void> settle(std::vector<std::shared_ptr<Live>> opening);
  asio::awaitable<void> reroute(const std::vector<SubscriptionSpec>& wanted);
  asio::awaitable<void> end(std::vector<std::shared_ptr<Live>> ending, std::chrono::steady_clock::duration grace);
  asio::awaitable<void> wind_down(std::shared_ptr<PubSub> broker, std::vector<std::shared_ptr<Live>> ending, std::chrono::steady_clock::duration grace);
  asio::awaitable<void> open(std::shared_ptr<Live> live);
  asio::awaitable<void> ask_again();
  Result<std::shared_ptr<Live>> make(const SubscriptionSpec& spec, const Snapshot& snapshot);

  Application& app_;
  const SubscriptionsOptions options_;
  const Log log_;
  Gate gate_;
  std::vector<SubscriptionSpec> programmatic_;
  Asked asked_ = Asked::no;
  std::vector<std::shared_ptr<Live>> live_;
  std::size_t next_shard_ = 0;
  bool running_ = false;   // between start and pause or stop
  bool asking_ = false;
};

}  // namespace mecha::pubsub
