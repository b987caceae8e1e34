// Client: a Redis server as the components see it. Commands of all callers of a shard are pipelined on a few connections
// of that shard; they are opened when first used, and opened again by themselves after they broke.
//
// With a cluster each command goes to the server that has its first key, with sentinels to the master that they name; see
// router.hpp for who is followed and how long.
//
// Errors: what the server answers has Code::unknown and the server's words; what happened on the way has another code,
// with Failure::never_sent when the command provably did not reach the server. A command that was sent is never sent
// again, unless a server answered that it did nothing. Cancelling a call leaves its commands to run; nobody else's replies are disturbed.
//
// Threads: from any shard. close() before the end, on shard 0, while the shards run.

#pragma once

#include <memory>
#include <optional>
#include <string>
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
  // Where it leads: what Client::call_at takes.
  const std::string& server() const;

 private:
  friend class Client;
  struct State;
  static Async<std::unique_ptr<Session>> dial(std::shared_ptr<const Options> options, std::string server, bool asking);
  static void close(State& state);
  explicit Session(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

class Client {
 public:
  Client(Shards& shards, Options options);
  ~Client();

  // PING, on shard 0; from then on sentinels are listened to. Fails with the words of the dial or the server.
  Async<void> connect();

  // One command; an error of the server is a failure.
  Async<Reply> call(Command command);
  // Several; on one server in one piece. Errors of the server stand among the replies. Fails as a whole when one of them
  // got no reply.
  Async<std::vector<Reply>> pipeline(std::vector<Command> commands);
  // The same, and each has its own outcome: other servers may answer when one does not.
  asio::awaitable<std::vector<Result<Reply>>> each(std::vector<Command> commands);
  // To the server of the first one's key, on a connection set apart for commands that keep a server busy (WAIT).
  Async<std::vector<Reply>> pipeline_slow(std::vector<Command> commands);
  // MULTI, the commands, EXEC: the replies of EXEC, errors among them. Fails as a whole when the server refuses a command.
  // In a cluster one such piece for each slot.
  Async<std::vector<Reply>> transaction(std::vector<Command> commands);

  // The masters of a cluster, in order; one with an empty name if there is just a server. Names serve the calls below.
  Async<std::vector<std::string>> servers();
  Async<std::string> server_of(std::string key);
  // What the two above say is not older than a second after this.
  Async<void> refresh();
  Async<Reply> call_at(std::string server, Command command);

  // Dials a connection for the calling shard; no retries.
  Async<std::unique_ptr<Session>> dedicated(std::string server = {});
  // The same to the server of a key. `refused` is what a session of that key failed with before: a server of a cluster
  // may have named another one.
  Async<std::unique_ptr<Session>> dedicated_to(std::string key, std::string refused = {});
  // True when a session failed because its server no longer has the key, or never had.
  static bool is_redirect(const Error& error);

  asio::awaitable<void> close();
  const Options& options() const;

 private:
  struct Shard;
  Shard& here();

  std::shared_ptr<const Options> options_;
  std::vector<std::unique_ptr<Shard>> per_shard_;
  bool watching_ = false;  // of shard 0
};

}  // namespace mecha::redis
