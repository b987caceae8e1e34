// Client: a Redis server as the components see it. Commands of all callers of a shard are pipelined on a few connections
// of that shard; they are opened when first used, and opened again by themselves after they broke.
//
// Errors: what the server answers has Code::unknown and the server's words; what happened on the way has another code,
// with Failure::never_sent when the command provably did not reach the server. A command that was sent is never sent
// again. Cancelling a call leaves its commands to run; nobody else's replies are disturbed.
//
// Threads: from any shard. close() before the end, on shard 0, while the shards run.

#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "components/redis/reply.hpp"
#include "components/redis/settings.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/shards.hpp"

namespace mecha::redis {

// A connection of its own, for commands that block (XREADGROUP, SUBSCRIBE). Belongs to one shard and one caller; a call
// that fails or is cancelled closes it, and a closed session fails every call.
class Session {
 public:
  ~Session();

  // Sends and waits for the reply, at most `limit`; without one as long as it takes. Errors of the server are failures.
  Async<Reply> call(Command command, std::optional<milliseconds> limit);
  // Sends without waiting, and the next reply or push: for subscriptions.
  Async<void> send(Command command);
  Async<Reply> next(std::optional<milliseconds> limit = std::nullopt);

  bool open() const;
  void close();

 private:
  friend class Client;
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Client {
 public:
  Client(Shards& shards, Options options);
  ~Client();

  // PING. Fails with the words of the dial or the server.
  Async<void> connect();

  // One command; an error of the server is a failure.
  Async<Reply> call(Command command);
  // Several in one piece on one connection; errors of the server stand among the replies.
  Async<std::vector<Reply>> pipeline(std::vector<Command> commands);
  // The same on a connection set apart for commands that keep the server busy for a while (WAIT).
  Async<std::vector<Reply>> pipeline_slow(std::vector<Command> commands);
  // MULTI, the commands, EXEC: the replies of EXEC, errors among them. Fails as a whole when the server refuses a command.
  Async<std::vector<Reply>> transaction(std::vector<Command> commands);

  // Dials a connection for the calling shard; no retries.
  Async<std::unique_ptr<Session>> dedicated();

  asio::awaitable<void> close();
  const Options& options() const;

 private:
  struct Lines;
  Lines& lines();

  Shards& shards_;
  std::shared_ptr<const Options> options_;
  std::vector<std::unique_ptr<Lines>> per_shard_;
};

}  // namespace mecha::redis
