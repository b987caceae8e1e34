// Where an MQTT broker is, from the text of a setting.
#include "components/mqtt/client.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/authority.hpp"
#include "runtime/net/tls.hpp"

namespace mecha::mqtt {

Result<Options> make_options(std::string_view url, const Certificates& certificates) {
  const auto wrong = [](const std::string& what) { return fail(Code::invalid_argument, "url " + what); };
  const auto scheme_end = url.find("://");
  const auto scheme = text::lower(url.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end));
  const bool tls = scheme == "ssl" || scheme == "tls" || scheme == "mqtts" || scheme == "tcps";
  if (!tls && scheme != "tcp" && scheme != "mqtt") return wrong("must begin with tcp://, mqtt://, ssl://, tls://, mqtts:// or tcps://");
  auto rest = url.substr(scheme_end + 3);
  auto where = net::parse_authority(rest.substr(0, rest.find('/')), tls ? 8883 : 1883);
  if (!where) return wrong(where.error().message);
  if (where->host.empty()) return wrong("names no host");
  Options options{
      .host = std::move(where->host), .port = where->port, .username = std::move(where->username), .password = std::move(where->password)};
  if (certificates.certificate.empty() != certificates.key.empty()) {
    return fail(Code::invalid_argument, "clientCert and clientKey need each other");
  }
  if (!tls) return options;
  MECHA_TRY(
      options.tls, net::make_tls(net::TlsClientOptions{
                       .ca_pem = certificates.ca,
                       .certificate_pem = certificates.certificate,
                       .private_key_pem = certificates.key,
                       .alpn = {}})
  );
  return options;
}

}  // namespace mecha::mqtt
