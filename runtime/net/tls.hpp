// TLS settings, and contexts made of them (OpenSSL 3, TLS 1.2 or later). Contexts are immutable and thread safe.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/base/secret.hpp"

namespace mecha::net {

struct TlsServerOptions {
  std::string certificate_pem;  // leaf first, then its issuers
  Secret private_key_pem;
  std::string client_ca_pem;    // not empty: a client certificate is demanded and must chain to these
  std::vector<std::string> alpn{"h2", "http/1.1"};
};

struct TlsClientOptions {
  bool verify = true;           // chain and host name
  std::string ca_pem;           // empty: the system's authorities
  std::string certificate_pem;  // client certificate, may be empty
  Secret private_key_pem;
  std::string server_name;      // SNI and the name that is checked; empty: the host that is dialled
  std::vector<std::string> alpn{"http/1.1"};
};

// Opaque: holds an asio::ssl::context; defined in tls_context.hpp, which only files of runtime/net include.
class TlsContext;

Result<std::shared_ptr<TlsContext>> make_tls(const TlsServerOptions& options);
Result<std::shared_ptr<TlsContext>> make_tls(const TlsClientOptions& options);

}  // namespace mecha::net
