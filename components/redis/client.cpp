#include "components/redis/client.hpp"

#include <atomic>

#include <boost/asio/co_spawn.hpp>

#include "components/redis/line.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::redis {
namespace {

// Commands on one connection beyond which another one is worth opening.
constexpr std::size_t kCrowded = 64;

}  // namespace

struct Client::Lines {
  explicit Lines(Executor on) : executor(on), gate(on) {}

  Executor executor;
  Gate gate;
  std::atomic<bool> used = false;
  bool closed = false;
  std::vector<std::shared_ptr<Line>> fast;
  std::shared_ptr<Line> slow;

  std::shared_ptr<Line> make(const std::shared_ptr<const Options>& options) {
    used = true;
    auto line = std::make_shared<Line>(executor, gate, options);
    if (closed) line->close();
    return line;
  }

  Line& pick(const std::shared_ptr<const Options>& options) {
    Line* best = nullptr;
    for (const auto& line : fast) {
      if (line->load() < kCrowded) return *line;
      if (!best || line->load() < best->load()) best = line.get();
    }
    if (fast.size() < options->lines) return *fast.emplace_back(make(options));
    return *best;
  }

  asio::awaitable<void> close() {
    closed = true;
    for (const auto& line : fast) line->close();
    if (slow) slow->close();
    co_await gate.close(std::chrono::seconds(0));
  }
};

Client::Client(Shards& shards, Options options)
    : shards_(shards), options_(std::make_shared<const Options>(std::move(options))) {
  for (std::size_t i = 0; i < shards.count(); ++i) {
    per_shard_.push_back(std::make_unique<Lines>(shards.executor(i)));
  }
}

Client::~Client() = default;

Client::Lines& Client::lines() { return *per_shard_[Shards::current()]; }

const Options& Client::options() const { return *options_; }

Async<void> Client::connect() {
  MECHA_CO_TRY_VOID(co_await call(Command("PING")));
  co_return Result<void>{};
}

Async<Reply> Client::call(Command command) {
  std::vector<Command> one;
  one.push_back(std::move(command));
  MECHA_CO_TRY(auto replies, co_await lines().pick(options_).send(std::move(one)));
  co_return checked(std::move(replies.front()));
}

Async<std::vector<Reply>> Client::pipeline(std::vector<Command> commands) {
  if (commands.empty()) co_return std::vector<Reply>();
  co_return co_await lines().pick(options_).send(std::move(commands));
}

Async<std::vector<Reply>> Client::pipeline_slow(std::vector<Command> commands) {
  auto& mine = lines();
  if (!mine.slow) mine.slow = mine.make(options_);
  co_return co_await mine.slow->send(std::move(commands));
}

Async<std::vector<Reply>> Client::transaction(std::vector<Command> commands) {
  std::vector<Command> all;
  all.reserve(commands.size() + 2);
  all.emplace_back("MULTI");
  for (auto& command : commands) all.push_back(std::move(command));
  all.emplace_back("EXEC");
  MECHA_CO_TRY(auto replies, co_await pipeline(std::move(all)));
  // A command that cannot even be queued has the error that says why; EXEC's only says that there was one.
  for (auto& reply : replies) {
    if (reply.is_error()) co_return fail(Code::unknown, std::move(reply.text));
  }
  auto& last = replies.back();
  if (!last.is_array()) co_return fail(Code::unknown, "redis: transaction failed");
  co_return std::move(last.items);
}

asio::awaitable<void> Client::close() {
  for (auto& mine : per_shard_) {
    if (!mine->used) continue;
    co_await asio::co_spawn(mine->executor, mine->close(), asio::use_awaitable);
  }
}

}  // namespace mecha::redis
