#include "api/http/invoke.hpp"

#include "api/http/sniff.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::api;

namespace {

InvokeTarget target_of(std::string path, net::Headers headers = {}) {
  net::RequestHead head;
  head.target = std::move(path);
  head.headers = std::move(headers);
  return find_invoke_target(head);
}

}  // namespace

TEST_CASE("the target stands in the path", "[invoke]") {
  const auto found = target_of("///v1.0//invoke///app/method/a/method/b?x=1");
  CHECK(found.target == "app");
  CHECK(found.method == "a/method/b");
  CHECK(target_of("/v1.0/invoke/http%3A%2F%2Fh%3A1/method/x").target == "http://h:1");
  CHECK(target_of("/v1.0/invoke/app/method/").method == "");
}

TEST_CASE("paths without a whole target name nobody", "[invoke]") {
  for (const auto* path :
       {"/v1.0/invoke/app", "/v1.0/invoke/app/method", "/v1.0/invoke//method/x", "/v1.0/invoke/app/call/x",
        "/v1.0-alpha1/invoke/app/method/x", "/nope", "/"}) {
    CHECK(target_of(path).target.empty());
  }
}

TEST_CASE("the header wins over the path, basic authentication comes next", "[invoke]") {
  const auto header = target_of("/v1.0/invoke/b/method/x", {{"dapr-app-id", "a"}, {"Authorization", "Basic ZGFwci1hcHAtaWQ6Yw=="}});
  CHECK(header.target == "a");
  CHECK(header.method == "/v1.0/invoke/b/method/x");
  CHECK(target_of("/m", {{"Authorization", "basic REFQUi1BUFAtSUQ6YXBw"}}).target == "app");
  CHECK(target_of("/m", {{"Authorization", "Basic ZGFwci1hcHAtaWQ6YXBwOng="}}).target.empty());
  CHECK(target_of("/m", {{"Authorization", "Bearer ZGFwci1hcHAtaWQ6YXBw"}}).target.empty());
}

TEST_CASE("an untyped body is typed by its look", "[sniff]") {
  CHECK(sniff_content_type("hello") == "text/plain; charset=utf-8");
  CHECK(sniff_content_type("{\"a\":1}") == "text/plain; charset=utf-8");
  CHECK(sniff_content_type("  <html>hi</html>") == "text/html; charset=utf-8");
  CHECK(sniff_content_type("<?xml version=\"1.0\"?>") == "text/xml; charset=utf-8");
  CHECK(sniff_content_type("%PDF-1.4") == "application/pdf");
  CHECK(sniff_content_type(std::string_view("a\0b", 3)) == "application/octet-stream");
  CHECK(sniff_content_type("\x89PNG\x0D\x0A\x1A\x0A") == "image/png");
  CHECK(sniff_content_type("<bad>") == "text/plain; charset=utf-8");
}
