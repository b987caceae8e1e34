// Dialling: from an origin to a connected stream, TLS done. Internal to runtime/net.

#pragma once

#include "runtime/net/client.hpp"
#include "runtime/net/stream.hpp"

namespace mecha::net {

// Within options.connect_timeout altogether. Every failure is unavailable and Failure::never_sent, in the reference's
// words ("dial tcp 127.0.0.1:1: connect: connection refused"). Both arguments must live until it ends.
Async<Stream> dial(const Origin& origin, const ClientOptions& options);
// TLS on a connected socket; `host` is the name that is checked.
Async<Stream> start_tls(Stream::Socket socket, std::string host, std::shared_ptr<TlsContext> tls, std::chrono::milliseconds limit);

}  // namespace mecha::net
