// The server's end of an HTTP/1.1 connection. Internal to runtime/net.

#pragma once

#include <string>

#include "runtime/net/http2.hpp"
#include "runtime/net/stream.hpp"

namespace mecha::net {

// Serves until the connection ends. `preread` are bytes already taken from the stream. Hands over to
// serve_http2_upgraded after `Upgrade: h2c`, if the options allow HTTP/2 and the stream is cleartext.
asio::awaitable<void> serve_http1(Stream stream, std::string preread, SessionContext context);

}  // namespace mecha::net
