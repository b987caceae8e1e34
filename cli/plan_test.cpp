#include "cli/plan.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::cli;

TEST_CASE("the sidecar gets what was said and not what was left alone", "[cli]") {
  Plan plan;
  plan.app_id = "a";
  plan.ports.http = 3501;
  plan.resources = {"r1", "r2"};
  plan.enable_api_logging = true;
  CHECK(text::join(daemon_arguments(plan), " ") ==
        "--app-id a --dapr-http-port 3501 --app-protocol http --resources-path r1 --resources-path r2 --log-level info --max-body-size 4Mi "
        "--read-buffer-size 4Ki --placement-host-address localhost:50005 --scheduler-host-address localhost:50006 --enable-api-logging");
  plan.placement = "";
  plan.scheduler = "host:1";
  plan.resources = {"a,b"};
  const auto line = text::join(daemon_arguments(plan), " ");
  CHECK(line.find("placement") == std::string::npos);
  CHECK(line.find("--scheduler-host-address host:1") != std::string::npos);
  CHECK(line.find("--resources-path \"a,b\"") != std::string::npos);
}

TEST_CASE("the application finds its ports, and what the user says wins", "[cli]") {
  Plan plan;
  plan.app_id = "a";
  plan.ports.http = 3501;
  plan.environment = {{"APP_PROTOCOL", "mine"}, {"X", "1"}};
  CHECK(app_environment(plan) == Variables{{"APP_ID", "a"}, {"APP_CHANNEL_ADDRESS", "127.0.0.1"}, {"APP_PROTOCOL", "mine"}, {"DAPR_HTTP_PORT", "3501"}, {"X", "1"}});
}

TEST_CASE("free ports differ, and a name is made up", "[cli]") {
  std::vector<Plan> plans(2);
  REQUIRE(complete(plans));
  CHECK_FALSE(plans[0].app_id.empty());
  std::vector<std::int64_t> ports;
  for (const auto& p : plans) ports.insert(ports.end(), {p.ports.http, p.ports.grpc, p.ports.internal, p.ports.metrics});
  std::ranges::sort(ports);
  CHECK(std::ranges::adjacent_find(ports) == ports.end());
  CHECK(ports.front() > 0);
}

TEST_CASE("what cannot run is refused before anything starts", "[cli]") {
  const auto refused = [](auto change) {
    std::vector<Plan> plans(1);
    plans[0].app_id = "a";
    change(plans[0]);
    const auto done = complete(plans);
    return done ? "" : done.error().message;
  };
  CHECK(refused([](Plan& p) { p.app_id = "a.b"; }).starts_with("the id \"a.b\" of an application cannot contain dots"));
  CHECK(refused([](Plan& p) { p.resources = {"/nowhere"}; }).starts_with("the resources folder /nowhere does not exist"));
  CHECK(refused([](Plan& p) { p.config = "/nowhere.yaml"; }).starts_with("the configuration file /nowhere.yaml does not exist"));
  CHECK(refused([](Plan& p) { p.app_port = p.ports.http = 8080; }).find("cannot listen on one port") != std::string::npos);
  CHECK(refused([](Plan& p) { p.ports.grpc = 70000; }).find("must be a port from 1 to 65535, got 70000") != std::string::npos);
}
