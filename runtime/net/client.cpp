#include "runtime/net/client.hpp"

#include <vector>

#include <boost/asio/post.hpp>

#include "runtime/async/within.hpp"
#include "runtime/net/http1_client.hpp"
#include "runtime/net/http2_pool.hpp"

namespace mecha::net {

struct Client::State {
  std::shared_ptr<ClientSettings> settings;
  Shards& shards;
  std::vector<std::shared_ptr<Http1Pool>> http1;  // one per shard
  std::vector<std::shared_ptr<Http2Pool>> http2;
};

namespace {

// The Host field of requests without an authority: the default port is left out.
std::string host_of(const Origin& origin, bool tls) {
  if (!origin.unix_path.empty()) return origin.host.empty() ? "localhost" : origin.host;
  auto host = origin.host.find(':') == std::string::npos ? origin.host : "[" + origin.host + "]";
  if (origin.port != (tls ? 443 : 80)) host += ":" + std::to_string(origin.port);
  return host;
}

Async<Response> attempt(
    Client& client, RequestHead head, const std::string& body, std::uint64_t body_max
) {
  MECHA_CO_TRY(auto call, co_await client.open(std::move(head)));
  if (!body.empty()) {
    // A peer may answer without reading all; its answer says more than the failed write.
    auto sent = co_await call->write(body);
    if (sent) sent = co_await call->finish_writing();
    if (!sent) {
      auto early = co_await call->head();
      if (!early) co_return fail(std::move(sent).error());
    }
  }
  MECHA_CO_TRY(auto* const answer, co_await call->head());
  MECHA_CO_TRY(auto whole, co_await read_all(*call, body_max));
  co_return Response{std::move(*answer), std::move(whole), call->trailers()};
}

Async<Response> exchange(
    Client& client, RequestHead head, std::string body, std::uint64_t body_max
) {
  head.has_body = !body.empty();
  head.content_length = body.size();
  // HTTP/2: a connection that goes away says which requests it never looked at; those go out again, once. Over HTTP/1.1
  // the call itself does it.
  if (!client.ready()) co_return co_await attempt(client, std::move(head), body, body_max);
  auto answer = co_await attempt(client, head, body, body_max);
  if (answer || answer.error().failure != Failure::never_sent) co_return answer;
  co_return co_await attempt(client, std::move(head), body, body_max);
}

}  // namespace

Client::Client(Shards& shards, Origin origin, ClientOptions options)
    : state_(std::make_shared<State>(State{std::make_shared<ClientSettings>(), shards, {}, {}})) {
  auto& settings = *state_->settings;
  settings.host = host_of(origin, options.tls != nullptr);
  settings.origin = std::move(origin);
  settings.options = std::move(options);
  for (std::size_t i = 0; i < shards.count(); ++i) {
    if (settings.options.http2) {
      state_->http2.push_back(std::make_shared<Http2Pool>(shards.executor(i), state_->settings));
    } else {
      state_->http1.push_back(std::make_shared<Http1Pool>(shards.executor(i), state_->settings));
    }
  }
}

Client::~Client() { drop_connections(); }

Async<std::unique_ptr<ClientCall>> Client::open(RequestHead head) {
  const auto index = Shards::current();
  // No frame of our own: the pool keeps itself alive.
  return state_->http2.empty() ? state_->http1[index]->open(std::move(head))
                               : state_->http2[index]->open(std::move(head));
}

bool Client::ready() const {
  return !state_->http2.empty() && state_->http2[Shards::current()]->ready();
}

Async<Response> Client::fetch(
    RequestHead head, std::string body, std::chrono::milliseconds limit, std::uint64_t body_max
) {
  return within(limit, exchange(*this, std::move(head), std::move(body), body_max));
}

void Client::drop_connections() {
  ++state_->settings->generation;
  for (std::size_t i = 0; i < state_->shards.count(); ++i) {
    // Each pool on its own shard; held by the task, as the client may be gone by then.
    asio::post(state_->shards.executor(i), [state = state_, i] {
      if (state->http2.empty()) {
        state->http1[i]->drop_idle();
      } else {
        state->http2[i]->drop_all();
      }
    });
  }
}

const Origin& Client::origin() const { return state_->settings->origin; }

}  // namespace mecha::net
