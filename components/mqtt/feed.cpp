#include "components/mqtt/feed.hpp"

#include <boost/asio/post.hpp>

#include "runtime/async/on_shard.hpp"

namespace mecha::mqtt {
namespace {

constexpr std::size_t kParallel = 1000;

}  // namespace

struct Feed::State : std::enable_shared_from_this<Feed::State> {
  State(Executor on, Executor client_home, std::shared_ptr<Client> from, std::string topics, MessageHandler run)
      : executor(on), home(client_home), client(std::move(from)), filter(std::move(topics)), handler(std::move(run)), lanes(on, kParallel) {}

  // One message; its end tells the client, also when the work was dropped or cancelled.
  struct Ticket {
    std::shared_ptr<State> state;
    Incoming incoming;
    bool handled = false;
    ~Ticket() {
      asio::post(state->home, [client = state->client, taken = std::move(incoming), done = handled]() mutable {
        client->settle(std::move(taken), done);
      });
    }
  };

  void take(Incoming incoming) {
    auto ticket = std::make_shared<Ticket>(shared_from_this(), std::move(incoming));
    lanes.push(nullptr, [ticket]() { return handle(ticket); });
  }

  static asio::awaitable<void> handle(std::shared_ptr<Ticket> ticket) {
    ticket->handled = co_await ticket->state->handler(ticket->incoming.message);
  }

  static Async<void> subscribe(std::shared_ptr<State> self, std::uint8_t qos) {
    Client::Sink sink = [self](Incoming incoming) {
      asio::post(self->executor, [self, taken = std::move(incoming)]() mutable { self->take(std::move(taken)); });
    };
    co_return co_await self->client->subscribe(self->filter, qos, std::move(sink));
  }

  Executor executor, home;
  std::shared_ptr<Client> client;
  const std::string filter;
  const MessageHandler handler;
  Lanes lanes;
};

Feed::Feed(Executor executor, Executor home, std::shared_ptr<Client> client, std::string filter, MessageHandler handler)
    : state_(std::make_shared<State>(executor, home, std::move(client), std::move(filter), std::move(handler))) {}

Async<void> Feed::start(std::uint8_t qos) {
  co_return co_await on_shard(state_->home, State::subscribe(state_, qos));
}

asio::awaitable<void> Feed::stop(std::chrono::steady_clock::duration grace, bool forget) {
  const auto state = state_;
  co_await on_shard(state->home, state->client->unsubscribe(state->filter, forget));
  state->lanes.drop_waiting();
  co_await state->lanes.close(grace);
  co_await asio::post(state->home, asio::use_awaitable);  // behind what the messages had to tell
}

}  // namespace mecha::mqtt
