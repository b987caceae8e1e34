#include "cli/run_template.hpp"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::cli;

namespace {

namespace fs = std::filesystem;

struct Folder {
  fs::path path = fs::temp_directory_path() / ("mecha-cli-" + text::uuid());
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name) << text;
  }
  Result<RunTemplate> parse(const std::string& text) const { return parse_template(text, "dapr.yaml", path); }
};

}  // namespace

TEST_CASE("an application's keys win over those of all, and its paths begin at its folder", "[cli]") {
  const Folder folder;
  folder.write("a/x", "");
  const auto made = folder.parse(
      "version: 1\ncommon:\n  env: {ONE: c, TWO: c}\n  logLevel: debug\n  resourcesPaths: [./common]\n  appProtocol: grpc\n"
      "apps:\n- appDirPath: a/\n  env: {TWO: a}\n  appProtocol: http\n  appPort: 81\n  restart: no\n  command: [run, me]\n"
      "- appDirPath: a\n  appID: second\n  resourcesPaths: [own]\n  daprdLogDestination: console\n  restart: on-failure\n  restartMax: 3\n"
  );
  REQUIRE(made);
  REQUIRE(made->plans.size() == 2);
  const auto& first = made->plans[0];
  CHECK(first.app_id == "a");
  CHECK(first.directory == (folder.path / "a").string());
  CHECK(first.environment == Variables{{"ONE", "c"}, {"TWO", "a"}});
  CHECK(first.log_level == "debug");
  CHECK(first.app_protocol == "http");
  CHECK(first.app_port == 81);
  CHECK(first.command == std::vector<std::string>{"run", "me"});
  CHECK(first.restart == Restart::no);
  CHECK(first.resources == std::vector<std::string>{(folder.path / "common").string()});
  CHECK((first.app_log.console && first.app_log.file));
  CHECK((!first.daemon_log.console && first.daemon_log.file));
  const auto& second = made->plans[1];
  CHECK(second.app_id == "second");
  CHECK(second.app_protocol == "grpc");
  CHECK(second.resources == std::vector<std::string>{(folder.path / "a/own").string()});
  CHECK((second.daemon_log.console && !second.daemon_log.file));
  CHECK(second.restart == Restart::on_failure);
  CHECK(second.restart_max == 3);
}

TEST_CASE("what lies in an application's folder stands between its own keys and those of all", "[cli]") {
  const Folder folder;
  folder.write("a/.dapr/resources/x.yaml", "");
  folder.write("a/.dapr/config.yaml", "");
  folder.write("a/.env", "ONE=dotenv\nTWO=dotenv\n");
  const auto made = folder.parse("version: 1\ncommon: {resourcesPaths: [c], configFilePath: c.yaml, env: {TWO: common}}\napps: [{appDirPath: a}]\n");
  REQUIRE(made);
  CHECK(made->plans[0].resources == std::vector<std::string>{(folder.path / "a/.dapr/resources").string()});
  CHECK(made->plans[0].config == (folder.path / "a/.dapr/config.yaml").string());
  CHECK(made->plans[0].environment == Variables{{"ONE", "dotenv"}, {"TWO", "common"}});
}

TEST_CASE("every problem of a template is told at once, with its line", "[cli]") {
  const Folder folder;
  const auto made = folder.parse("name: x\ncommon: {restart: maybe}\napps:\n- appPort: many\n- appDirPath: ./nowhere\n");
  REQUIRE_FALSE(made);
  const auto& message = made.error().message;
  INFO(message);
  CHECK(message.find("version is required and must not be 0") != std::string::npos);
  CHECK(message.find("restart must be no, on-failure, always, got \"maybe\"") != std::string::npos);
  CHECK(message.find("dapr.yaml:4: apps[0].appPort") != std::string::npos);
  CHECK(message.find("apps[0].appDirPath is required") != std::string::npos);
  CHECK(message.find("apps[1].appDirPath must be a folder that exists") != std::string::npos);
}

TEST_CASE("a key that nobody knows is a warning with the nearest name", "[cli]") {
  const Folder folder;
  const auto made = folder.parse("version: 1\napps:\n- appDirPath: .\n  appPrt: 80\n");
  REQUIRE(made);
  CHECK(made->notes == std::vector<std::string>{"dapr.yaml:4: unknown key apps[0].appPrt; did you mean appPort?"});
}

TEST_CASE("a template that is not there or is no YAML is an error", "[cli]") {
  const Folder folder;
  CHECK(read_template(folder.path / "dapr.yaml").error().message.find("cannot be read") != std::string::npos);
  CHECK(read_template(folder.path).error().message.find("dapr.yaml cannot be read") != std::string::npos);
  CHECK(folder.parse("version: 1\napps: [\n").error().message.starts_with("dapr.yaml:"));
  folder.write("dapr.yaml", "version: 1\napps:\n- appDirPath: .\n");
  CHECK(read_template(folder.path)->path == fs::canonical(folder.path / "dapr.yaml").string());
}

TEST_CASE("variables of a template are what is written, though YAML knows other words for it", "[cli]") {
  const Folder folder;
  folder.write("a/x", "");
  const auto made = folder.parse("version: 1\ncommon: {env: {Y: yes, N: 1.10, on: 0x10, yes: 'no', E: null}}\napps: [{appDirPath: a}]\n");
  INFO((made ? std::string() : made.error().message));
  REQUIRE(made);
  CHECK(made->plans[0].environment == Variables{{"Y", "yes"}, {"N", "1.10"}, {"on", "0x10"}, {"yes", "no"}, {"E", ""}});
}
