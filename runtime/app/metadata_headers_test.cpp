#include "runtime/app/metadata_headers.hpp"

#include "tests/catch.hpp"

using namespace mecha;

namespace {

std::string headers_of(const Metadata& metadata) {
  net::Headers headers;
  const auto added = add_metadata_headers(headers, metadata);
  if (!added) return "error: " + added.error().message;
  std::string out;
  for (const auto& [name, value] : headers) out.append(name).append("=").append(value).append(";");
  return out;
}

}  // namespace

TEST_CASE("metadata become headers in lower case", "[app][delivery]") {
  CHECK(
      headers_of({{"pubsubName", "bus"}, {"X-a", "1 2"}, {"empty", ""}}) ==
      "x-a=1 2;empty=;pubsubname=bus;"
  );
}

TEST_CASE("what belongs to the connection or the body stays behind", "[app][delivery]") {
  for (const auto* name :
       {"Content-Type",
        "content-length",
        "Connection",
        "keep-alive",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "upgrade",
        "Host",
        "x-bin",
        "X-Bin"}) {
    INFO(name);
    CHECK(headers_of({{name, "1"}}).empty());
  }
  CHECK(headers_of({{"grpc-status", "1"}, {"GRPC-trace-bin", "1"}}) == "dapr-grpc-status=1;");
}

TEST_CASE("what no header can hold is refused", "[app][delivery]") {
  CHECK(headers_of({{"a b", "1"}}) == "error: invalid header field name \"a b\"");
  CHECK(headers_of({{"", "1"}}) == "error: invalid header field name \"\"");
  CHECK(headers_of({{"a", "1\r\nb: 2"}}) == "error: invalid header field value for \"a\"");
  CHECK(headers_of({{"a", "tab\tand ü"}}) == "a=tab\tand ü;");
}

TEST_CASE("a route becomes a clean path and keeps its query", "[app][delivery]") {
  CHECK(request_target("orders") == "/orders");
  CHECK(request_target("") == "/");
  CHECK(request_target("/q/..//q2?x=1&y=2") == "/q2?x=1&y=2");
  CHECK(request_target("two words/%41?a b") == "/two%20words/%41?a%20b");
}
