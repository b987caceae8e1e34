// Where a RabbitMQ server is and how to log in there.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/net/tls.hpp"

namespace mecha::rabbitmq {

struct Address {
  bool tls = false;
  std::string host = "localhost";
  std::uint16_t port = 5672;
  std::string username = "guest", password = "guest";
  std::string virtual_host = "/";
};

// "amqp://user:password@host:port/vhost", escapes resolved; the parts that are absent keep their defaults. Messages do not
// show the password.
Result<Address> parse_address(std::string_view uri);

struct Options {
  Address address;
  std::shared_ptr<net::TlsContext> tls;  // set when address.tls is
  bool external = false;                 // SASL EXTERNAL: the client certificate is the login
  std::chrono::milliseconds heartbeat{10'000};  // 0: none
  std::string client_name;
};

struct Certificates {
  std::string ca, certificate;
  Secret key;
};
// Options without heartbeat and name. Fails with what is wrong about the certificates.
Result<Options> make_options(Address address, const Certificates& certificates, bool external);

}  // namespace mecha::rabbitmq
