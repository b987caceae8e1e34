#include "components/rabbitmq/address.hpp"

#include "runtime/base/text.hpp"

namespace mecha::rabbitmq {
namespace {

std::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::invalid_argument, "the address of the RabbitMQ server " + std::string(what));
}

Result<std::string> unescaped(std::string_view part) {
  auto text = text::unescape_path(part);
  if (!text) return wrong("has a bad escape");
  return *std::move(text);
}

Result<void> read_login(std::string_view login, Address& address) {
  const auto colon = login.find(':');
  MECHA_TRY(address.username, unescaped(login.substr(0, colon)));
  address.password.clear();
  if (colon == std::string_view::npos) return {};
  MECHA_TRY(address.password, unescaped(login.substr(colon + 1)));
  return {};
}

Result<void> read_host(std::string_view host, Address& address) {
  const auto bracket = host.rfind(']');
  const auto colon = host.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const auto port = text::to_uint(host.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return wrong("has no valid port");
    address.port = static_cast<std::uint16_t>(*port);
    host = host.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!host.empty()) address.host = host;
  return {};
}

}  // namespace

Result<Address> parse_address(std::string_view uri) {
  Address address;
  const auto scheme_end = uri.find("://");
  const auto scheme = text::lower(uri.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end));
  if (scheme != "amqp" && scheme != "amqps") return wrong("must begin with amqp:// or amqps://");
  address.tls = scheme == "amqps";
  address.port = address.tls ? 5671 : 5672;
  auto rest = uri.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('?'));
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    MECHA_TRY(address.virtual_host, unescaped(rest.substr(slash + 1)));
  }
  auto authority = rest.substr(0, slash);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    MECHA_TRY_VOID(read_login(authority.substr(0, at), address));
    authority.remove_prefix(at + 1);
  }
  MECHA_TRY_VOID(read_host(authority, address));
  return address;
}

Result<Options> make_options(Address address, const Certificates& certificates, bool external) {
  Options options{.address = std::move(address), .external = external};
  if (certificates.certificate.empty() != certificates.key.empty()) {
    return fail(Code::invalid_argument, "clientCert and clientKey need each other");
  }
  if (external && (certificates.ca.empty() || certificates.certificate.empty())) {
    return fail(Code::invalid_argument, "the external login needs caCert, clientCert and clientKey");
  }
  if (!options.address.tls) return options;
  MECHA_TRY(
      options.tls, net::make_tls(net::TlsClientOptions{
                       .ca_pem = certificates.ca,
                       .certificate_pem = certificates.certificate,
                       .private_key_pem = certificates.key,
                       .alpn = {}})
  );
  return options;
}

}  // namespace mecha::rabbitmq
