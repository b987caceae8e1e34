// The bytes of OTLP, read back with the reader of the wire format.

#include "runtime/base/wire.hpp"
#include "runtime/telemetry/span_format.hpp"
#include "tests/catch.hpp"

namespace mecha::trace {
namespace {

// What a collector reads: the fields on the way to the first span.
std::string_view field(std::string_view message, std::uint32_t number) {
  wire::Reader reader(message);
  while (reader.next()) {
    if (reader.field() == number) return reader.bytes();
  }
  return {};
}

TEST_CASE("OTLP nests resource, scope and span", "[trace]") {
  Finished span;
  span.context = *parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  span.name = "/v1.0/metadata";
  span.kind = Kind::client;
  span.failed = true;
  span.failure = "why";
  span.attributes = {{"a", "b"}};
  const std::string bytes = otlp_bytes(std::array{span}, {"app", {{"team", "x"}}});
  const auto resource_spans = field(bytes, 1);
  const auto service = field(field(resource_spans, 1), 1);
  CHECK(field(service, 1) == "service.name");
  CHECK(field(field(service, 2), 1) == "app");
  const auto scope_spans = field(resource_spans, 2);
  CHECK(field(field(scope_spans, 1), 1) == "dapr-diagnostics");
  const auto one = field(scope_spans, 2);
  CHECK(field(one, 1).size() == 16);
  CHECK(field(one, 2).size() == 8);
  CHECK(field(one, 4).empty());
  CHECK(field(one, 5) == "/v1.0/metadata");
  CHECK(field(field(one, 9), 1) == "a");
  CHECK(field(field(one, 15), 2) == "why");
}

}  // namespace
}  // namespace mecha::trace
