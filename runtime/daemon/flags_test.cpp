// Flags, and what follows from them for the start.

#include "runtime/daemon/options.hpp"
#include "runtime/daemon/settings.hpp"
#include "tests/catch.hpp"

using namespace mecha;

namespace {

Options parse(const std::vector<std::string>& arguments) {
  std::vector<std::string> notes;
  auto parsed = parse_flags(arguments, notes);
  REQUIRE(parsed.has_value());
  return *parsed;
}

std::string complaint(const std::vector<std::string>& arguments) {
  std::vector<std::string> notes;
  const auto parsed = parse_flags(arguments, notes);
  return parsed ? "" : parsed.error().message;
}

}  // namespace

TEST_CASE("flags take one or two dashes, a blank or an equals sign", "[flags]") {
  CHECK(parse({"-app-id", "x"}).app_id == "x");
  CHECK(parse({"--app-id=x"}).app_id == "x");
  CHECK(parse({"--log-as-json", "false"}).log_as_json);
  CHECK_FALSE(parse({"--log-as-json=false"}).log_as_json);
  CHECK(parse({"positional", "--app-id", "x", "another"}).app_id == "x");
}

TEST_CASE("list flags add up and are comma separated", "[flags]") {
  const auto options = parse({"--resources-path", "a,b", "--resources-path=c"});
  CHECK(options.resources_path == std::vector<std::string>{"a", "b", "c"});
}

TEST_CASE("what is wrong with a flag is the last line", "[flags]") {
  CHECK(complaint({"-nope"}) == "unknown flag: --nope");
  CHECK(complaint({"--app-prot", "x"}) == "did you mean --app-port?\nunknown flag: --app-prot");
  CHECK(complaint({"--mode"}) == "flag needs an argument: --mode");
  CHECK(
      complaint({"--app-max-concurrency", "x"}) ==
      "invalid argument \"x\" for \"--app-max-concurrency\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"
  );
  CHECK(complaint({"--app-max-concurrency=99999999999999999999"}).ends_with("parsing \"99999999999999999999\": value out of range"));
  CHECK(complaint({"--scheduler-job-streams", "-1"}).ends_with("strconv.ParseUint: parsing \"-1\": invalid syntax"));
  CHECK(complaint({"-x"}) == "unknown shorthand flag: 'x' in -x");
  CHECK(complaint({"-1"}) == "unknown shorthand flag: '1' in -1");
  CHECK(complaint({"---x"}) == "bad flag syntax: ---x");
  CHECK(complaint({"--=x"}) == "bad flag syntax: --=x");
  CHECK(complaint({"--app-ssl=maybe"}).starts_with("invalid argument \"maybe\" for \"--app-ssl\" flag: "));
  CHECK(
      complaint({"--dapr-block-shutdown-duration", "10"}) ==
      "invalid argument \"10\" for \"--dapr-block-shutdown-duration\" flag: time: missing unit in duration \"10\""
  );
}

TEST_CASE("numbers may have a sign, a base and underscores", "[flags]") {
  const std::vector<std::pair<std::string, std::int64_t>> good{
      {"-1", -1}, {"+7", 7}, {"0x1F", 31}, {"-0x10", -16}, {"0b101", 5}, {"017", 15}, {"0o17", 15}, {"0", 0}, {"0x_1_0", 16}, {"1_000", 1000}};
  for (const auto& [value, number] : good) {
    CAPTURE(value);
    CHECK(parse({"--app-max-concurrency=" + value}).app_max_concurrency == number);
  }
  for (const std::string value : {"", "-", "--1", "0x", "_1", "0_", "1__0", "09", "1.0", " 1"}) {
    CAPTURE(value);
    CHECK(complaint({"--app-max-concurrency=" + value}).ends_with(": invalid syntax"));
  }
}

TEST_CASE("deprecated flags work and say what to use", "[flags]") {
  std::vector<std::string> notes;
  REQUIRE(parse_flags({"--dapr-http-max-request-size", "1"}, notes).has_value());
  CHECK(notes == std::vector<std::string>{"Flag --dapr-http-max-request-size has been deprecated, use '--max-body-size 4Mi'"});
}

TEST_CASE("sizes are quantities, and the newer flag wins", "[flags]") {
  CHECK(parse_sizes(parse({}))->body_bytes_max == 4u << 20);
  CHECK(parse_sizes(parse({"--dapr-http-max-request-size", "1"}))->body_bytes_max == 1u << 20);
  CHECK(parse_sizes(parse({"--dapr-http-max-request-size", "9", "--max-body-size", "2k"}))->body_bytes_max == 2000);
  CHECK(parse_sizes(parse({"--max-body-size", "-1"}))->body_bytes_max == 4u << 20);
  CHECK(parse_sizes(parse({"--max-body-size=0"}))->body_bytes_max == 0);
  CHECK_FALSE(parse_sizes(parse({"--max-body-size", "4Q"})).has_value());
}

TEST_CASE("settings refuse what cannot be, in the contract's words", "[settings]") {
  const auto refusal = [](std::vector<std::string> arguments) {
    const auto checked = check_settings(parse(arguments), Sizes{});
    return checked ? std::string() : checked.error().message;
  };
  CHECK(refusal({"--app-id", "x"}) == "");
  CHECK(refusal({}) == "parameter app-id cannot be empty");
  CHECK(refusal({"--app-id", "a.b"}) == "parameter app-id cannot contain dots");
  CHECK(refusal({"--app-id", "x", "--app-port", "3500"}) == "the 'dapr-http-port' argument value 3500 conflicts with 'app-port'");
  CHECK(refusal({"--app-id", "x", "--app-protocol", "smtp"}) == "invalid value for 'app-protocol': smtp");
  CHECK(refusal({"--app-id", "x", "--disable-init-endpoints", "config,foo"}) == "invalid value for 'disable-init-endpoints': foo");
  CHECK(
      refusal({"--app-id", "x", "--app-health-probe-interval", "1", "--app-health-probe-timeout", "1001"}) ==
      "value for 'health-probe-timeout' must be smaller than 'health-probe-interval'"
  );
  CHECK(refusal({"--app-id", "x", "--enable-mtls"}) == "trust anchors are required");
}

TEST_CASE("a deprecated TLS flag raises the protocol", "[settings]") {
  CHECK(check_settings(parse({"--app-id", "x", "--app-ssl"}), Sizes{})->protocol == AppProtocol::https);
  CHECK(check_settings(parse({"--app-id", "x", "--app-ssl", "--app-protocol", "GRPC"}), Sizes{})->protocol == AppProtocol::grpcs);
}
