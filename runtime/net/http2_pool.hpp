// HTTP/2 connections of one client on one shard. Internal to runtime/net.

#pragma once

#include <memory>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "runtime/async/event.hpp"
#include "runtime/net/http1_client.hpp"
#include "runtime/net/http2.hpp"

namespace mecha::net {

class Http2Pool : public std::enable_shared_from_this<Http2Pool> {
 public:
  Http2Pool(Executor executor, std::shared_ptr<ClientSettings> settings);

  Async<std::unique_ptr<ClientCall>> open(RequestHead head);
  void drop_all();
  bool ready() { return usable() != nullptr; }

 private:
  struct Dialling {
    explicit Dialling(const Executor& executor) : done(executor) {}
    Event done;
    std::optional<Error> error;  // of the dial; empty as well if its caller was cancelled
  };

  std::shared_ptr<Http2Connection> usable();
  Async<std::shared_ptr<Http2Connection>> connect();
  void remove(const Http2Connection* connection);
  void arm();
  void expire();

  Executor executor_;
  std::shared_ptr<ClientSettings> settings_;
  struct Entry {
    std::shared_ptr<Http2Connection> connection;
    std::uint64_t generation;
  };
  std::vector<Entry> entries_;
  std::shared_ptr<Dialling> dialling_;  // one at a time: who needs a connection meanwhile waits for it
  Event changed_;
  asio::steady_timer timer_;
  bool armed_ = false;
};

}  // namespace mecha::net
