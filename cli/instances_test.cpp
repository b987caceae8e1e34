#include "cli/instances.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::cli;

TEST_CASE("the arguments of a sidecar tell its id and ports in both spellings", "[cli]") {
  const auto i = read_arguments({"/x/mechad", "--app-id", "orders", "--dapr-http-port=3501", "-dapr-grpc-port", "50002", "--app-port", "8080",
                                 "--enable-metrics=false", "--resources-path", "a", "--resources-path=b,\"c,d\"", "--max-body-size", "1Mi"});
  CHECK(i.app_id == "orders");
  CHECK(i.http_port == 3501);
  CHECK(i.grpc_port == 50002);
  CHECK(i.app_port == 8080);
  CHECK_FALSE(i.metrics);
  CHECK(i.resources == std::vector<std::string>{"a", "b", "c,d"});
  CHECK(i.body_bytes_max == 1 << 20);
  CHECK(i.origin().port == 3501);
  CHECK(read_arguments({"mechad", "--app-id", "x"}).http_port == 3500);
}

TEST_CASE("a sidecar with Unix sockets is reached through its folder", "[cli]") {
  const auto i = read_arguments({"mechad", "--app-id", "a", "--unix-domain-socket", "/run/x"});
  CHECK(i.origin().unix_path == "/run/x/dapr-a-http.socket");
}

TEST_CASE("metadata tells who started it", "[cli]") {
  Instance i;
  read_metadata(i, *json::parse(R"({"id":"a","runtimeVersion":"1.18.3","extended":{"cliPID":"7","appPID":"8","appCommand":"python3 app.py --long","runTemplateName":"shop"}})"));
  CHECK(i.cli_pid == 7);
  CHECK(i.app_pid == 8);
  CHECK(i.template_name == "shop");
  CHECK(to_json(i).text("command") == "python3 app.py --lon");
  i.command = "sh -c sleep 30 # ab\u00e9";
  CHECK(to_json(i).text("command") == "sh -c sleep 30 # ab");
}

TEST_CASE("an id that does not run is answered with those that do", "[cli]") {
  Instance a, b;
  a.app_id = "orders";
  b.app_id = "pay";
  CHECK(not_running("ordres", {a, b}).message.starts_with("no application \"ordres\" runs on this host; did you mean \"orders\"? Running: orders, pay."));
  CHECK(not_running("x", {}).message.starts_with("no application \"x\" runs on this host. Nothing runs."));
}

TEST_CASE("ages are short", "[cli]") {
  using namespace std::chrono_literals;
  CHECK(age(59s) == "59s");
  CHECK(age(61s) == "1m");
  CHECK(age(25h) == "1d");
}
