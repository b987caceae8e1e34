// Signatures: the examples that AWS publishes for S3, and what else a request may have.

#include "components/aws/signature.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace std::chrono_literals;
using aws::Request;

namespace {

const aws::Credentials kKeys{.access_key = "AKIAIOSFODNN7EXAMPLE", .secret_key = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), .session_token = {}, .region = "us-east-1"};
const aws::Time kNow = std::chrono::sys_days(std::chrono::year(2013) / 5 / 24);

Request get(std::string path, std::vector<std::pair<std::string, std::string>> query = {}) {
  return {.method = "GET", .host = "examplebucket.s3.amazonaws.com", .path = std::move(path), .query = std::move(query), .headers = {}, .body = {}};
}

std::string signature(Request request, const aws::Credentials& keys = kKeys) {
  aws::sign(request, keys, kNow);
  const std::string header(request.headers.get("authorization").value_or(""));
  return header.substr(header.find("Signature=") + 10);
}

}  // namespace

TEST_CASE("requests have the signatures of the published examples", "[aws]") {
  auto ranged = get("/test.txt");
  ranged.headers.set("Range", "bytes=0-9");
  CHECK(signature(ranged) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  Request put{.method = "PUT", .host = "examplebucket.s3.amazonaws.com", .path = "/test%24file.text", .query = {}, .headers = {}, .body = "Welcome to Amazon S3."};
  put.headers.set("Date", "Fri, 24 May 2013 00:00:00 GMT");
  put.headers.set("x-amz-storage-class", "REDUCED_REDUNDANCY");
  CHECK(signature(put) == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  CHECK(signature(get("/", {{"lifecycle", ""}})) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  CHECK(signature(get("/", {{"prefix", "J"}, {"max-keys", "2"}})) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE("blanks of a header's value are signed as one", "[aws]") {
  auto wide = get("/a"), narrow = get("/a");
  wide.headers.set("Content-Type", " text/plain;   a=b ");
  narrow.headers.set("Content-Type", "text/plain; a=b");
  CHECK(signature(wide) == signature(narrow));
}

TEST_CASE("a presigned URL has the signature of the published example", "[aws]") {
  CHECK(
      aws::presigned_query(get("/test.txt"), kKeys, kNow, 86400s) ==
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&"
      "X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&"
      "X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
  );
}

TEST_CASE("what is signed goes along, a session's token too", "[aws]") {
  auto keys = kKeys;
  keys.session_token = "a token";
  auto request = get("/a%20b", {{"b", "2 &"}, {"a", "é"}});
  aws::sign(request, keys, kNow + 12h + 34min + 56s + 789ms);
  CHECK(request.headers.get("x-amz-date") == "20130524T123456Z");
  CHECK(request.headers.get("x-amz-content-sha256") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(request.headers.get("x-amz-security-token") == "a token");
  CHECK_THAT(
      std::string(request.headers.get("authorization").value_or("")),
      Catch::StartsWith(
          "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
          "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,Signature="
      )
  );
  CHECK(aws::query_text(request) == "a=%C3%A9&b=2%20%26");
  CHECK(signature(get("/a"), keys) != signature(get("/a")));
  CHECK_THAT(aws::presigned_query(get("/a"), keys, kNow, 1s), Catch::Contains("&X-Amz-Security-Token=a%20token&"));
}
