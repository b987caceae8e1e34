#include "runtime/net/tls.hpp"

#include <arpa/inet.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/x509v3.h>

#include "runtime/net/system_text.hpp"
#include "runtime/net/tls_context.hpp"

namespace mecha::net {
namespace {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

std::string wire_alpn(const std::vector<std::string>& names) {
  std::string wire;
  for (const auto& name : names) {
    if (name.empty() || name.size() > 255) continue;
    wire.push_back(static_cast<char>(name.size()));
    wire += name;
  }
  return wire;
}

int select_alpn(
    SSL*,
    const unsigned char** out,
    unsigned char* out_size,
    const unsigned char* offered,
    unsigned offered_size,
    void* context
) {
  const auto& ours = static_cast<const TlsContext*>(context)->alpn;
  unsigned char* chosen = nullptr;
  const int result = SSL_select_next_proto(
      &chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
      static_cast<unsigned>(ours.size()), offered, offered_size
  );
  *out = chosen;
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<void> limit_versions(ssl::context& context) {
  SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.native_handle(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  return {};
}

Result<void> use_identity(
    ssl::context& context, const std::string& certificate, const Secret& key
) {
  error_code error;
  context.use_certificate_chain(asio::buffer(certificate), error);
  if (error) {
    return fail(Code::invalid_argument, "tls: the certificate cannot be read: " + error.message());
  }
  context.use_private_key(asio::buffer(key.reveal()), ssl::context::pem, error);
  if (error) {
    return fail(Code::invalid_argument, "tls: the private key cannot be read: " + error.message());
  }
  if (SSL_CTX_check_private_key(context.native_handle()) != 1) {
    return fail(Code::invalid_argument, "tls: private key does not match public key");
  }
  return {};
}

Result<void> use_authorities(ssl::context& context, const std::string& pem) {
  error_code error;
  context.add_certificate_authority(asio::buffer(pem), error);
  if (error) {
    return fail(Code::invalid_argument, "tls: the authorities cannot be read: " + error.message());
  }
  return {};
}

bool is_address(const std::string& host) {
  in6_addr ignored{};
  return ::inet_pton(AF_INET, host.c_str(), &ignored) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), &ignored) == 1;
}

}  // namespace

Result<std::shared_ptr<TlsContext>> make_tls(const TlsServerOptions& options) {
  auto made = std::make_shared<TlsContext>(ssl::context::tls_server);
  MECHA_TRY_VOID(limit_versions(made->context));
  MECHA_TRY_VOID(use_identity(made->context, options.certificate_pem, options.private_key_pem));
  if (!options.client_ca_pem.empty()) {
    MECHA_TRY_VOID(use_authorities(made->context, options.client_ca_pem));
    made->context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
  }
  made->alpn = wire_alpn(options.alpn);
  // Sessions of a client certificate must not be resumed without a context id.
  constexpr std::string_view id = "mecha";
  SSL_CTX_set_session_id_context(
      made->context.native_handle(), reinterpret_cast<const unsigned char*>(id.data()), id.size()
  );
  if (!made->alpn.empty()) {
    SSL_CTX_set_alpn_select_cb(made->context.native_handle(), select_alpn, made.get());
  }
  return made;
}

Result<std::shared_ptr<TlsContext>> make_tls(const TlsClientOptions& options) {
  auto made = std::make_shared<TlsContext>(ssl::context::tls_client);
  MECHA_TRY_VOID(limit_versions(made->context));
  if (!options.certificate_pem.empty()) {
    MECHA_TRY_VOID(use_identity(made->context, options.certificate_pem, options.private_key_pem));
  }
  made->verify = options.verify;
  made->server_name = options.server_name;
  made->alpn = wire_alpn(options.alpn);
  if (options.verify) {
    error_code ignored;
    if (options.ca_pem.empty()) {
      made->context.set_default_verify_paths(ignored);
    } else {
      MECHA_TRY_VOID(use_authorities(made->context, options.ca_pem));
    }
    made->context.set_verify_mode(ssl::verify_peer);
  }
  SSL_CTX_set_alpn_protos(
      made->context.native_handle(), reinterpret_cast<const unsigned char*>(made->alpn.data()),
      static_cast<unsigned>(made->alpn.size())
  );
  return made;
}

Result<void> prepare_client(SSL* handle, const TlsContext& context, const std::string& host) {
  const auto& name = context.server_name.empty() ? host : context.server_name;
  if (name.empty()) return {};
  const bool address = is_address(name);
  bool fine = address || SSL_set_tlsext_host_name(handle, name.c_str()) == 1;
  if (context.verify && fine) {
    auto* parameters = SSL_get0_param(handle);
    fine = address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1
                   : SSL_set1_host(handle, name.c_str()) == 1;
  }
  if (!fine) return fail(Code::invalid_argument, "tls: invalid server name " + name);
  return {};
}

std::string handshake_text(SSL* handle, const TlsContext& context, const error_code& error) {
  const auto verdict = SSL_get_verify_result(handle);
  if (context.verify && verdict != X509_V_OK) {
    const std::string start = "tls: failed to verify certificate: x509: ";
    switch (verdict) {
      case X509_V_ERR_CERT_HAS_EXPIRED:
      case X509_V_ERR_CERT_NOT_YET_VALID:
        return start + "certificate has expired or is not yet valid";
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return start + "certificate is not valid for the name or address that was dialled";
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return start + "certificate signed by unknown authority";
      default:
        return start + X509_verify_cert_error_string(verdict);
    }
  }
  if (error == ssl::error::stream_truncated) return "EOF";
  if (auto alert = alert_text(error); !alert.empty()) return alert;
  if (error.category() == asio::error::get_ssl_category()) {
    return "tls: handshake failure: " + error.message();
  }
  return system_text(error);
}

}  // namespace mecha::net
