// Addresses as people write them.

#include "src/endpoint.h"

#include <cstdlib>

#include "catch.hpp"
#include "mecha/connect.h"
#include "src/dial.h"

namespace mecha::wire {
namespace {

std::string target(const char* text) {
  auto endpoint = parse_endpoint(text);
  return endpoint
             ? endpoint->target + (endpoint->tls ? " tls" : "") + (endpoint->near ? " near" : "")
             : "refused";
}

TEST_CASE("an address is host and port, with or without scheme", "[endpoint]") {
  CHECK(target("127.0.0.1:50001") == "127.0.0.1:50001 near");
  CHECK(target("localhost:1") == "localhost:1 near");
  CHECK(target("[::1]:50001") == "[::1]:50001 near");
  CHECK(target("sidecar.example:50001") == "sidecar.example:50001");
  CHECK(target("http://sidecar.example:50001") == "sidecar.example:50001");
  CHECK(target("http://sidecar.example:50001/") == "sidecar.example:50001");
}

TEST_CASE("https and tls=true mean TLS, and 443 is the port of a bare name", "[endpoint]") {
  CHECK(target("https://sidecar.example") == "sidecar.example:443 tls");
  CHECK(target("sidecar.example?tls=true") == "sidecar.example:443 tls");
  CHECK(target("https://sidecar.example:8443") == "sidecar.example:8443 tls");
  CHECK(target("sidecar.example?tls=false") == "sidecar.example:443");
}

TEST_CASE("sockets and names of resolvers go through", "[endpoint]") {
  CHECK(target("unix:/run/dapr.socket") == "unix:/run/dapr.socket near");
  CHECK(target("unix:///run/dapr.socket") == "unix:///run/dapr.socket near");
  CHECK(target("unix-abstract:dapr") == "unix-abstract:dapr near");
  CHECK(target("dns:sidecar.example:50001") == "dns:sidecar.example:50001");
  CHECK(
      target("dns://10.0.0.1:53/sidecar.example?tls=true") ==
      "dns://10.0.0.1:53/sidecar.example:443 tls"
  );
}

TEST_CASE("what is no address is refused with the reason", "[endpoint]") {
  for (const char* text :
       {"",
        ":1",
        "host:",
        "host:0",
        "host:65536",
        "host:x",
        "a:b:c",
        "ftp://host:1",
        "host:1/path",
        "[::1",
        "[::1]x",
        "[::1]:",
        "unix:",
        "dns://10.0.0.1",
        "host?tls=maybe",
        "http://"}) {
    CAPTURE(text);
    auto endpoint = parse_endpoint(text);
    REQUIRE(!endpoint);
    CHECK(endpoint.error().code == Code::invalid_argument);
    CHECK(endpoint.error().message.find(text) != std::string::npos);
  }
}

// Sets variables for one case and takes them away again.
struct Variables {
  explicit Variables(std::initializer_list<std::pair<const char*, const char*>> all) {
    for (const char* name : names) unsetenv(name);
    for (const auto& [name, value] : all) setenv(name, value, 1);
  }
  ~Variables() {
    for (const char* name : names) unsetenv(name);
  }
  static constexpr const char* names[] = {
      "DAPR_GRPC_ENDPOINT",
      "DAPR_GRPC_PORT",
      "DAPR_API_TOKEN",
      "DAPR_HTTP_ENDPOINT",
      "DAPR_HTTP_PORT",
      "APP_ID",
      "APP_PORT",
      "APP_PROTOCOL",
      "APP_CHANNEL_ADDRESS",
      "APP_API_TOKEN"
  };
};

TEST_CASE("the environment names the sidecar where the settings do not", "[endpoint]") {
  {
    Variables none({});
    CHECK(dial({})->target == "127.0.0.1:50001");
    CHECK(dial({})->token.empty());
  }
  {
    Variables some({{"DAPR_GRPC_PORT", "3501"}, {"DAPR_API_TOKEN", "secret"}});
    CHECK(dial({})->target == "127.0.0.1:3501");
    CHECK(dial({})->token == "secret");
    ClientOptions options;
    options.endpoint = "other:1";
    options.api_token = "";
    CHECK(dial(options)->target == "other:1");
    CHECK(dial(options)->token.empty());
  }
  {
    Variables some({{"DAPR_GRPC_PORT", "3501"}, {"DAPR_GRPC_ENDPOINT", "https://sidecar.example"}});
    CHECK(dial({})->target == "sidecar.example:443");
  }
  {
    Variables wrong({{"DAPR_GRPC_PORT", "many"}});
    CHECK(dial({}).error().message == "DAPR_GRPC_PORT is \"many\", which is no port");
  }
}

TEST_CASE("the environment says what the application is", "[endpoint]") {
  Variables some(
      {{"APP_ID", "orders"},
       {"APP_PORT", "8080"},
       {"APP_API_TOKEN", "t"},
       {"DAPR_HTTP_PORT", "3500"}}
  );
  const auto app = app_environment();
  CHECK(app.app_id == "orders");
  CHECK(app.port == 8080);
  CHECK(app.app_token == "t");
  CHECK(app.http_endpoint == "http://127.0.0.1:3500");
}

TEST_CASE("a certificate without its key is refused", "[endpoint]") {
  ClientOptions options;
  options.endpoint = "host:1";
  options.tls = TlsOptions{};
  options.tls->certificate = "x";
  CHECK(dial(options).error().code == Code::invalid_argument);
}

}  // namespace
}  // namespace mecha::wire
