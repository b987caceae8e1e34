// Opens one connection to a Redis server, ready for commands: TCP or Unix socket, TLS, AUTH, SELECT.

#pragma once

#include <memory>

#include "components/redis/reply.hpp"
#include "components/redis/settings.hpp"
#include "runtime/async/async.hpp"

namespace mecha::net {
class Wire;
}

namespace mecha::redis {

// One attempt within the dial limit. "dial tcp 127.0.0.1:6379: connect: connection refused", or the server's words.
Async<std::unique_ptr<net::Wire>> dial(std::shared_ptr<const Options> options);
// Several, with growing waits; gives up at once when the server refuses the password.
Async<std::unique_ptr<net::Wire>> dial_with_retries(std::shared_ptr<const Options> options);

// Sends the commands one after another on a stream that nobody else uses; fails with the first error.
Async<Reply> exchange(net::Wire& stream, Command command);

}  // namespace mecha::redis
