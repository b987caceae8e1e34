// Connection: one session with a PostgreSQL server. libpq speaks the protocol and never blocks; waiting is Asio's.
//
// Belongs to one shard; one call at a time. Errors of the server have Code::unknown and the words of the reference's driver,
// "ERROR: relation "x" does not exist (SQLSTATE 42P01)"; a lost connection is Code::unavailable. A call that fails on the way,
// or is cancelled, leaves the connection unfit(): it must be dropped, and what became of the statement is not known.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/postgresql/settings.hpp"
#include "components/postgresql/statement.hpp"
#include "runtime/async/async.hpp"

namespace mecha::postgresql {

// The server's side of a connection, as the server names it.
struct Backend {
  std::int64_t pid = 0, client_port = 0;  // -1: no port, a Unix socket
};

struct Notification {
  std::string channel, payload;
};

class Connection {
 public:
  // By the first of the servers that answers. The caller sets the limit.
  static Async<std::unique_ptr<Connection>> open(std::shared_ptr<const Options> options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Async<Answer> run(Statement statement);
  // The types (OID) that the server gives to $1, $2 .. of a statement.
  Async<std::vector<std::uint32_t>> parameter_types(std::string sql);
  // The next one of the channels that the session listens to.
  Async<Notification> next_notification();

  // The SQLSTATE of the last call, empty if it succeeded or failed elsewhere.
  const std::string& last_state() const { return last_state_; }
  bool unfit() const { return unfit_; }
  // Nothing is under way in it, and no transaction is open.
  bool settled() const;
  // The server's side, if it may still be at work for a call that has been given up.
  std::optional<Backend> left_behind() const;
  // Ends the call that is under way, from outside of it.
  void abort();
  // False if it is unfit, a transaction is open, or the server has closed it meanwhile. For a connection that idles.
  bool usable();

 private:
  struct Parts;
  explicit Connection(std::unique_ptr<Parts> parts);

  Async<Answer> run_once(const Statement& statement);
  Async<void> prepare(const Statement& statement, std::string name);
  Async<Answer> finish(bool raw, std::vector<std::uint32_t>* types = nullptr);
  Async<void> flush();
  Async<void> readable();
  std::unexpected<Error> lost();

  std::unique_ptr<Parts> parts_;
  std::string last_state_;
  bool unfit_ = false;
};

}  // namespace mecha::postgresql
