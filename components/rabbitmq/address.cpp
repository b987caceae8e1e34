#include "components/rabbitmq/address.hpp"

#include "runtime/base/text.hpp"
#include "runtime/net/authority.hpp"

namespace mecha::rabbitmq {
namespace {

std::unexpected<Error> wrong(std::string_view what) {
  return fail(Code::invalid_argument, "the address of the RabbitMQ server " + std::string(what));
}

}  // namespace

Result<Address> parse_address(std::string_view uri) {
  Address address;
  const auto scheme_end = uri.find("://");
  const auto scheme = text::lower(uri.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end));
  if (scheme != "amqp" && scheme != "amqps") return wrong("must begin with amqp:// or amqps://");
  address.tls = scheme == "amqps";
  auto rest = uri.substr(scheme_end + 3);
  rest = rest.substr(0, rest.find('?'));
  const auto slash = rest.find('/');
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    auto host = text::unescape_path(rest.substr(slash + 1));
    if (!host) return wrong("has a bad escape");
    address.virtual_host = *std::move(host);
  }
  auto where = net::parse_authority(rest.substr(0, slash), address.tls ? 5671 : 5672);
  if (!where) return wrong(where.error().message);
  if (where->username) {
    address.username = *std::move(where->username);
    address.password = std::move(where->password).value_or("");
  }
  if (!where->host.empty()) address.host = std::move(where->host);
  address.port = where->port;
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
