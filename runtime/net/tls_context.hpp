// What a TlsContext is: Asio's context and the choices that belong to single connections. For .cpp files of
// runtime/net only.

#pragma once

#include <string>

#include <boost/asio/ssl/context.hpp>

#include "runtime/net/tls.hpp"

namespace mecha::net {

class TlsContext {
 public:
  explicit TlsContext(boost::asio::ssl::context::method method) : context(method) {}

  boost::asio::ssl::context context;
  bool verify = false;      // clients: chain and name of the server
  std::string server_name;  // clients: SNI and checked name, empty: the host that is dialled
  std::string alpn;         // wire form: length and name, repeated
};

// Before the handshake of a client: SNI and the name to check.
Result<void> prepare_client(SSL* ssl, const TlsContext& context, const std::string& host);
// What went wrong in a handshake, as the reference words it.
std::string handshake_text(SSL* ssl, const TlsContext& context, const boost::system::error_code& error);

}  // namespace mecha::net
