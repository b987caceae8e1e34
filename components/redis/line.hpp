// Line: one connection to a server on which the commands of many callers are pipelined. Internal to the driver.
//
// Lives on one shard. Replies come in order; a caller that gives up leaves its place in the queue, so that the replies of
// others keep theirs. A line connects when it is first used, and again after it broke: what was sent by then fails, what
// was not waits for the new connection. What is sent in one turn of the event loop leaves in one write.

#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "components/redis/reply.hpp"
#include "components/redis/settings.hpp"
#include "runtime/async/async.hpp"
#include "runtime/async/gate.hpp"

namespace mecha::redis {

class Connection;

class Line : public std::enable_shared_from_this<Line> {
 public:
  // The gate outlives the line's background work.
  Line(Executor executor, Gate& gate, std::shared_ptr<const Options> options);
  ~Line();

  // Sends commands as one piece and waits for their replies, errors of the server among them.
  Async<std::vector<Reply>> send(std::vector<Command> commands);
  // Commands that wait for a reply.
  std::size_t load() const { return waiting_replies_; }
  // Fails what waits, and all later calls.
  void close();

 private:
  struct Waiter;
  template <class Handler>
  struct WaiterOf;

  void enqueue(std::shared_ptr<Waiter> waiter, const std::vector<Command>& commands);
  asio::awaitable<void> run();
  asio::awaitable<void> serve();
  asio::awaitable<void> read_replies(std::shared_ptr<Connection> connection, Error& why);
  void deliver(Reply reply);
  void schedule_flush();
  void flush();
  asio::awaitable<void> write_rest(std::shared_ptr<Connection> connection, std::string bytes);
  void fail_sent(const Error& why);
  void fail_all(const Error& why);

  Executor executor_;
  Gate& gate_;
  std::shared_ptr<const Options> options_;
  std::shared_ptr<Connection> connection_;  // null unless open
  std::deque<std::shared_ptr<Waiter>> waiting_;
  std::size_t waiting_replies_ = 0;
  std::size_t unsent_ = 0;  // waiters at the end of the queue whose commands are still in out_
  std::string out_;
  bool running_ = false;
  bool flush_scheduled_ = false;
  bool writing_ = false;
  bool closed_ = false;
};

}  // namespace mecha::redis
