// bindings.aws.s3 against a server of the protocol (MECHA_TEST_S3=key:secret@host:port) and against a scripted one: what goes
// out, what comes back. Signatures are checked in components/aws, in tests/api/test_s3.py and by the real server.

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "components/bindings/aws_s3_bulk.hpp"
#include "components/bindings/aws_s3_list.hpp"
#include "components/catalog.hpp"
#include "components/http/client.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"
#include "tests/fakes/http_server.hpp"
#include "tests/run.hpp"

namespace mecha::bindings {
void register_aws_s3(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using conformance::BindingBench;
using fakes::HttpServer;

namespace {

BindingBench bench_at(const std::string& endpoint, BindingBench::Settings more = {}) {
  for (const auto& [name, value] : BindingBench::Settings{
           {"endpoint", endpoint}, {"bucket", "bucket"}, {"region", "us-east-1"}, {"accessKey", "a-key"}, {"secretKey", "a-secret"}, {"forcePathStyle", "true"}}) {
    more.emplace(name, value);
  }
  return {register_aws_s3, "bindings.aws.s3", std::move(more)};
}

// "key:secret@host:port" of the real server.
struct Server {
  std::string key, secret, address;
  Server() {
    const char* given = std::getenv("MECHA_TEST_S3");
    const std::string text = given == nullptr ? "key:secret@127.0.0.1:8333" : given;
    const auto colon = text.find(':'), at = text.find('@');
    key = text.substr(0, colon);
    secret = text.substr(colon + 1, at - colon - 1);
    address = "http://" + text.substr(at + 1);
  }
  BindingBench bench(BindingBench::Settings more = {}) const {
    more.emplace("accessKey", key);
    more.emplace("secretKey", secret);
    more.emplace("bucket", "mecha");
    return bench_at(address, std::move(more));
  }
};

json::Value parsed(const std::string& text) { return json::parse(text).value(); }

std::string fetched(BindingBench& bench, const std::string& url) {
  http::HttpClient client(bench.shards(), nullptr);
  const auto got = testing::run(bench.shards().context(0), client.send({.method = "GET", .url = url}, 0));
  return got ? std::to_string(got->status) + ' ' + got->body : got.error().message;
}

}  // namespace

TEST_CASE("bindings.aws.s3 keeps the output contract", "[bindings][s3][needs-s3]") {
  auto s3 = Server().bench();
  s3.start();
  const auto key = text::uuid();
  conformance::output_binding(
      s3, {.operations = {"create", "get", "delete", "list", "presign", "bulkGet", "bulkCreate", "bulkDelete"}, .works = {.operation = "create", .data = "\"x\"", .metadata = {{"key", key}}}, .place = {{"key", key}}}
  );
}

TEST_CASE("objects of S3 are written, read, listed, presigned and deleted", "[bindings][s3][needs-s3]") {
  auto s3 = Server().bench();
  s3.start();
  const auto folder = text::uuid() + '/';
  for (const std::string name : {"plain", "a b+c&d=é%~", "deep/er"}) {
    const auto made = s3.invoke("create", "\"text of " + name + '"', {{"key", folder + name}, {"Content-Type", "text/plain"}});
    REQUIRE_FALSE(made.error);
    CHECK(made.metadata.at("key") == folder + name);
    CHECK_THAT(std::string(parsed(made.data).text("location")), Catch::EndsWith(text::escape(folder + name, "/")));
    CHECK(s3.invoke("get", "", {{"key", folder + name}}).data == "text of " + name);
  }
  const auto listed = parsed(s3.invoke("list", json::write(json::Value(json::Object{{"prefix", folder}, {"delimiter", "/"}}))).data);
  CHECK(listed.find("Contents")->as_array().size() == 2);
  CHECK(listed.find("Contents")->as_array()[1].text("Key") == folder + "plain");
  CHECK(listed.find("CommonPrefixes")->as_array()[0].text("Prefix") == folder + "deep/");
  const auto first = parsed(s3.invoke("list", json::write(json::Value(json::Object{{"prefix", folder}, {"maxResults", 1}}))).data);
  CHECK(first.find("IsTruncated")->as_bool());
  CHECK(first.find("Contents")->as_array().size() == 1);
  const auto url = std::string(parsed(s3.invoke("presign", "", {{"key", folder + "a b+c&d=é%~"}, {"presignTTL", "1m"}}).data).text("presignURL"));
  CHECK(fetched(s3, url) == "200 text of a b+c&d=é%~");
  const auto removed = s3.invoke("delete", "", {{"key", folder + "plain"}});
  CHECK_FALSE(removed.error);
  CHECK_FALSE(removed.answered);
  CHECK(s3.refusal("get", "", {{"key", folder + "plain"}}) == "object not found");
}

TEST_CASE("objects of S3 are written, read and deleted in bulk", "[bindings][s3][needs-s3]") {
  auto s3 = Server().bench();
  s3.start();
  const auto folder = text::uuid() + '/';
  const auto key = [&](std::string_view name) { return json::write(json::Value(folder + std::string(name))); };
  const auto path = (std::filesystem::temp_directory_path() / text::uuid()).string();
  std::ofstream(path) << "of a file";
  const auto made = parsed(
      s3.invoke(
          "bulkCreate", R"({"concurrency":2,"items":[{"key":)" + key("a & <b>") + R"(,"data":"one","contentType":"text/plain"},{"key":)" + key("two") +
                            R"(,"filePath":")" + path + R"("},{"key":)" + key("none") + R"(},{"data":"x"},{"key":"../k","data":"x"},{"key":)" + key("gone") +
                            R"(,"filePath":"/no/such/file"}]})"
      ).data
  ).as_array();
  REQUIRE(made.size() == 6);
  CHECK_THAT(std::string(made[0].text("location")), Catch::EndsWith(text::escape(folder + "a & <b>", "/")));
  CHECK(made[2].text("error") == "either data or filePath is required");
  CHECK(json::write(made[3]) == R"({"error":"key is required","key":""})");
  CHECK(made[4].text("error") == "the key must not have .. between slashes");
  CHECK(made[5].text("error") == "open /no/such/file: no such file or directory");
  const auto items = R"({"items":[{"key":)" + key("a & <b>") + R"(},{"key":)" + key("two") + R"(,"filePath":")" + path + R"("},{"key":)" + key("none") + "}]}";
  CHECK(
      s3.invoke("bulkGet", items).data == R"([{"key":)" + key("a & <b>") + R"(,"data":"one"},{"key":)" + key("two") + R"(},{"key":)" + key("none") +
                                              R"(,"error":"object not found"}])"
  );
  std::string text;
  std::getline(std::ifstream(path), text);
  CHECK(text == "of a file");
  CHECK_THAT(s3.invoke("bulkGet", items, {{"encodeBase64", "true"}}).data, Catch::Contains(R"("data":")" + text::base64("one")));
  std::filesystem::remove(path);
  CHECK(
      s3.invoke("bulkDelete", R"({"keys":[)" + key("a & <b>") + "," + key("two") + "," + key("two") + R"(," "]})").data ==
      R"([{"key":)" + key("a & <b>") + R"(},{"key":)" + key("two") + R"(},{"key":)" + key("two") + R"(},{"key":" ","error":"key is required"}])"
  );
  CHECK(s3.refusal("get", "", {{"key", folder + "a & <b>"}}) == "object not found");
  std::string many;
  for (int i = 0; i < 1001; ++i) many += (i ? "," : "") + key(std::to_string(i));
  CHECK_THAT(s3.invoke("bulkDelete", R"({"keys":[)" + many + "]}").data, !Catch::Contains("error"));
}

TEST_CASE("what a bulk operation of S3 cannot do is told, whole or by item", "[bindings][s3]") {
  HttpServer server(
      {{"POST /bucket/?delete=",
        {200, "<DeleteResult><Deleted><Key>a</Key></Deleted><Error><Key>b</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error><Error><Key>c</Key></Error></DeleteResult>"}},
       {"GET /bucket/k", {200, "\xff<"}},
       {"PUT /bucket/k", {200, ""}}}
  );
  auto s3 = bench_at(server.url());
  s3.start();
  CHECK(
      s3.invoke("bulkDelete", R"({"keys":["a","b","c","b"]})").data ==
      R"([{"key":"a"},{"key":"b","error":"Access Denied"},{"key":"c","error":"unknown error"},{"key":"b","error":"Access Denied"}])"
  );
  CHECK(server.seen().back().body == R"(<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a</Key></Object><Object><Key>b</Key></Object><Object><Key>c</Key></Object><Quiet>false</Quiet></Delete>)");
  CHECK(server.seen().back().headers.at("content-md5").size() == 24);
  CHECK(s3.invoke("bulkGet", R"({"items":[{"key":"k"}]})").data == "[{\"key\":\"k\",\"data\":\"\xef\xbf\xbd\\u003c\"}]");
  CHECK_THAT(s3.invoke("bulkCreate", R"({"items":[{"key":"k","data":"?"}]})", {{"decodeBase64", "true"}}).data, Catch::Contains("no base64"));
  CHECK_FALSE(s3.invoke("bulkCreate", R"({"ITEMS":[{"Key":"k","data":"AP8="}]})", {{"decodeBase64", "true"}}).error);
  CHECK(server.seen().back().body == std::string("\x00\xff", 2));
  for (const std::string operation : {"bulkGet", "bulkCreate"}) {
    CHECK(s3.refusal(operation, "{}") == "s3 binding error: " + operation + " requires at least one item");
    CHECK(s3.refusal(operation) == "s3 binding error: invalid " + operation + " payload: unexpected end of JSON input");
    CHECK(s3.refusal(operation, R"({"items":[{"key":"k"}],"concurrency":0})") == "s3 binding error: concurrency must be greater than 0, got 0");
    CHECK_THAT(s3.refusal(operation, R"({"items":[{"key":5}]})"), Catch::StartsWith("s3 binding error: invalid " + operation + " payload: json: cannot unmarshal number"));
    CHECK_THAT(s3.refusal(operation, R"({"items":{}})"), Catch::Contains("json: cannot unmarshal object"));
  }
  CHECK(s3.refusal("bulkDelete", R"({"keys":[]})") == "s3 binding error: bulkDelete requires at least one key");
  CHECK_THAT(s3.refusal("bulkDelete", "[]"), Catch::Contains("json: cannot unmarshal array"));
}

TEST_CASE("a key that XML cannot name leaves the others of a deletion alone", "[bindings][s3]") {
  HttpServer server({{"POST /bucket/?delete=", {200, "<DeleteResult/>"}}});
  auto s3 = bench_at(server.url());
  s3.start();
  CHECK(
      s3.invoke("bulkDelete", R"({"keys":["a\tb","a\u0001","\uffff","c"]})").data ==
      R"([{"key":"a\tb"},{"key":"a\u0001","error":"the key has a character that no XML document can have"},{"key":")" "\xef\xbf\xbf"
      R"(","error":"the key has a character that no XML document can have"},{"key":"c"}])"
  );
  CHECK_THAT(server.seen().back().body, Catch::Contains("<Object><Key>a\tb</Key></Object><Object><Key>c</Key></Object><Quiet>"));
}

TEST_CASE("files of as many items as may be under way are read", "[bindings][s3]") {
  HttpServer server({});
  auto s3 = bench_at(server.url());
  s3.start();
  std::string items;
  for (int i = 0; i < 300; ++i) items += (i ? "," : "") + std::string(R"({"key":"k","filePath":"/no/such/file"})");
  const auto made = s3.invoke("bulkCreate", R"({"concurrency":100,"items":[)" + items + "]}").data;
  CHECK_THAT(made, !Catch::Contains("too many") && Catch::Contains("no such file"));
}

TEST_CASE("objects of one operation of S3 share a budget of bytes", "[bindings][s3]") {
  S3Budget budget(10);
  {
    S3Share kept(budget), other(budget);
    CHECK(kept.take(4));
    CHECK(kept.take(2));
    CHECK(other.take(4));
    CHECK(other.take(1).error().message == "the objects of one operation must not have more than 512 MiB in memory");
    kept.keep();
  }
  S3Share later(budget);
  CHECK_FALSE(later.take(5));
  CHECK(later.take(4));
}

TEST_CASE("tags go along with an object of S3", "[bindings][s3]") {
  HttpServer server({{"PUT /bucket/k", {200, ""}}});
  auto s3 = bench_at(server.url());
  s3.start();
  CHECK_FALSE(s3.invoke("create", "x", {{"key", "k"}, {"tags", "a = b,c=d=e"}}).error);
  CHECK(server.seen().back().headers.at("x-amz-tagging") == "a=b&c=d=e");
  CHECK(s3.refusal("create", "x", {{"key", "k"}, {"tags", "a=b, c"}}) == "s3 binding error: parsing tags falied error: invalid tag format: ' c' (expected key=value)");
}

TEST_CASE("bytes go to S3 as base64 or from a file", "[bindings][s3]") {
  HttpServer server({{"PUT /bucket/k", {200, ""}}, {"GET /bucket/k", {200, "\xff bytes"}}});
  auto s3 = bench_at(server.url(), {{"decodeBase64", "true"}, {"encodeBase64", "true"}, {"storageClass", "STANDARD_IA"}});
  s3.start();
  CHECK_FALSE(s3.invoke("create", "\"AP8=\"", {{"key", "k"}}).error);
  CHECK(server.seen().back().body == std::string("\x00\xff", 2));
  CHECK(server.seen().back().headers.at("x-amz-storage-class") == "STANDARD_IA");
  CHECK(s3.invoke("get", "", {{"key", "k"}}).data == text::base64("\xff bytes"));
  CHECK(s3.invoke("get", "", {{"key", "k"}, {"encodeBase64", "false"}}).data == "\xff bytes");
  CHECK_THAT(s3.refusal("create", "\"?\"", {{"key", "k"}}), Catch::Contains("no base64"));
  const auto path = std::filesystem::temp_directory_path() / text::uuid();
  std::ofstream(path) << "of a file";
  CHECK_FALSE(s3.invoke("create", "", {{"key", "k"}, {"filePath", path.string()}, {"decodeBase64", "no"}, {"storageClass", "GLACIER"}}).error);
  CHECK(server.seen().back().body == "of a file");
  CHECK(server.seen().back().headers.at("x-amz-storage-class") == "GLACIER");
  std::filesystem::remove(path);
  CHECK_THAT(s3.refusal("create", "", {{"key", "k"}, {"filePath", path.string()}}), Catch::StartsWith("s3 binding error: file read error: "));
}

TEST_CASE("an object of S3 without a key gets a random one", "[bindings][s3]") {
  HttpServer server({});
  auto s3 = bench_at(server.url());
  s3.start();
  CHECK_THAT(s3.refusal("create", "x"), Catch::Contains("status code: 404"));
  CHECK(server.seen().back().line.size() == std::string("PUT /bucket/").size() + 36);
}

TEST_CASE("what S3 answers to a list becomes JSON", "[bindings][s3]") {
  const auto listed = s3_list_answer(
      "<ListBucketResult><Name>b</Name><Prefix></Prefix><Marker/><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated><NextMarker>k</NextMarker>"
      "<Contents><Key>k</Key><LastModified>2021-08-16T06:44:14.000Z</LastModified><ETag>&quot;7e&quot;</ETag><Size>6916</Size><StorageClass>STANDARD</StorageClass>"
      "<Owner><ID>i</ID><DisplayName>n</DisplayName></Owner></Contents></ListBucketResult>"
  );
  REQUIRE(listed);
  CHECK(
      json::write(*listed) ==
      R"({"CommonPrefixes":null,"Contents":[{"ETag":"\"7e\"","Key":"k","LastModified":"2021-08-16T06:44:14Z","Owner":{"DisplayName":"n","ID":"i"},"Size":6916,"StorageClass":"STANDARD"}],)"
      R"("Delimiter":null,"EncodingType":null,"IsTruncated":true,"Marker":"","MaxKeys":2,"Name":"b","NextMarker":"k","Prefix":""})"
  );
  CHECK_FALSE(s3_list_answer("<Other/>"));
  CHECK(s3_list_query("").value() == std::vector<std::pair<std::string, std::string>>{{"max-keys", "1000"}});
  CHECK(s3_list_query(R"({"maxResults":5,"Marker":"m"})").value() == std::vector<std::pair<std::string, std::string>>{{"max-keys", "5"}, {"marker", "m"}});
  for (const auto* bad : {"x", "[]", R"({"maxResults":"5"})", R"({"prefix":1})"}) CHECK_FALSE(s3_list_query(bad));
}

TEST_CASE("the errors of S3 are told", "[bindings][s3]") {
  HttpServer server({{"GET /bucket/k", {403, "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"}}, {"DELETE /bucket/k", {500, "no XML"}}});
  auto s3 = bench_at(server.url());
  s3.start();
  CHECK(s3.refusal("get", "", {{"key", "k"}}) == "s3 binding error: error downloading S3 object: AccessDenied: Access Denied, status code: 403");
  CHECK(s3.refusal("delete", "", {{"key", "k"}}) == "s3 binding error: delete operation failed: status code: 500");
  CHECK(s3.refusal("get") == "s3 binding error: required metadata 'key' missing");
  CHECK(s3.refusal("get", "", {{"key", "../other/k"}}) == "s3 binding error: the key must not have .. between slashes");
  CHECK(s3.refusal("presign", "", {{"key", "k"}}) == "s3 binding error: required metadata 'presignTTL' missing");
  CHECK_THAT(s3.refusal("presign", "", {{"key", "k"}, {"presignTTL", "1 day"}}), Catch::StartsWith("s3 binding error: cannot parse duration 1 day: time: "));
  CHECK_THAT(s3.refusal("presign", "", {{"key", "k"}, {"presignTTL", "169h"}}), Catch::Contains("between 1s and 168h"));
  CHECK_THAT(s3.refusal("list", "x"), Catch::StartsWith("s3 binding (List Operation) - unable to parse Data property - invalid character"));
}

TEST_CASE("a redirect of S3 is an error: what a PUT became has stored nothing", "[bindings][s3]") {
  HttpServer elsewhere({{"GET /k", {200, "welcome"}}});
  HttpServer server({{"PUT /bucket/k", {301, "<Error><Code>PermanentRedirect</Code><Message>Elsewhere</Message></Error>", elsewhere.url() + "/k"}}});
  auto s3 = bench_at(server.url());
  s3.start();
  CHECK(s3.refusal("create", "x", {{"key", "k"}}) == "s3 binding error: uploading failed: PermanentRedirect: Elsewhere, status code: 301");
  CHECK(elsewhere.seen().empty());
}

TEST_CASE("a large object of S3 is written whole", "[bindings][s3]") {
  HttpServer server({{"PUT /bucket/k", {200, ""}}});
  auto s3 = bench_at(server.url());
  s3.start();
  const std::string large(3 << 20, 'x');
  CHECK_FALSE(s3.invoke("create", large, {{"key", "k"}}).error);
  CHECK(server.seen().back().body == large);
  CHECK(server.seen().back().headers.at("x-amz-content-sha256").size() == 64);
}

TEST_CASE("bindings.aws.s3 finds its server by region, endpoint and style", "[bindings][s3]") {
  const auto url = [](BindingBench::Settings settings) {
    settings.emplace("region", "eu-west-2");
    settings.emplace("bucket", "bucket");
    settings.emplace("accessKey", "a-key");
    settings.emplace("secretKey", "a-secret");
    BindingBench s3(register_aws_s3, "bindings.aws.s3", std::move(settings));
    s3.start();
    const auto told = s3.invoke("presign", "", {{"key", "k"}, {"presignTTL", "1h"}});
    const auto whole = std::string(parsed(told.data).text("presignURL"));
    return whole.substr(0, whole.find('?'));
  };
  CHECK(url({}) == "https://bucket.s3.eu-west-2.amazonaws.com/k");
  CHECK(url({{"region", "cn-north-1"}}) == "https://bucket.s3.cn-north-1.amazonaws.com.cn/k");
  CHECK(url({{"bucket", "my.bucket"}}) == "https://s3.eu-west-2.amazonaws.com/my.bucket/k");
  CHECK(url({{"endpoint", "store:9000"}, {"forcePathStyle", "true"}}) == "https://store:9000/bucket/k");
  CHECK(url({{"endpoint", "store:9000"}, {"disableSSL", "true"}}) == "http://bucket.store:9000/k");
  CHECK(url({{"endpoint", "http://store/s3/"}, {"forcePathStyle", "true"}}) == "http://store/s3/bucket/k");
}

TEST_CASE("bindings.aws.s3 says what it lacks", "[bindings][s3]") {
  const auto error = [](BindingBench::Settings settings) { return BindingBench(register_aws_s3, "bindings.aws.s3", std::move(settings)).start_error(); };
  CHECK_THAT(error({{"region", "r"}}), Catch::Contains("bucket"));
  CHECK_THAT(error({{"bucket", "b"}, {"accessKey", "a"}, {"secretKey", "s"}}), Catch::StartsWith("s3 binding error: no region"));
  CHECK_THAT(error({{"bucket", "b"}, {"region", "r"}, {"accessKey", "a"}}), Catch::StartsWith("s3 binding error: no credentials"));
}
