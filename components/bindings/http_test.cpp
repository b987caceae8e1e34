// bindings.http against a server of its own.

#include <fstream>
#include <thread>

#include <boost/asio/co_spawn.hpp>

#include "components/catalog.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/server.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"

namespace mecha::bindings {
void register_http(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using namespace std::chrono_literals;
using conformance::BindingBench;

namespace {

struct Seen {
  std::string method, target, body;
  std::map<std::string, std::string> headers;
};

// Serves on a thread of its own; what it saw is read after an answer has come.
class Server {
 public:
  explicit Server(std::function<void(const Seen&, net::ResponseHead&, std::string&)> answer = {})
      : answer_(std::move(answer)),
        server_(shards_, net::Listener::tcp("127.0.0.1", 0).value(), {}, [this](net::Exchange& e) {
          return serve(e);
        }) {
    server_.start();
    thread_ = std::thread([this] { shards_.run(); });
  }
  ~Server() {
    asio::co_spawn(shards_.executor(0), server_.stop(0ms), [this](std::exception_ptr) {
      shards_.stop();
    });
    thread_.join();
  }
  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(server_.port()) + std::string(path);
  }
  std::vector<Seen> seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  Seen last() { return seen().back(); }

 private:
  asio::awaitable<void> serve(net::Exchange& exchange) {
    const auto& head = exchange.request();
    Seen request{.method = head.method, .target = head.target, .body = {}, .headers = {}};
    for (const auto& [name, value] : head.headers) request.headers[text::lower(name)] = value;
    const auto body = co_await net::read_all(exchange.body());
    if (body) request.body = *body;
    {
      const std::lock_guard lock(mutex_);
      seen_.push_back(request);
    }
    if (head.target == "/hang") (void)co_await sleep_for(5s);
    net::ResponseHead response;
    std::string text = "made";
    if (answer_) answer_(request, response, text);
    (void)co_await exchange.respond(std::move(response), std::move(text));
  }

  std::function<void(const Seen&, net::ResponseHead&, std::string&)> answer_;
  std::mutex mutex_;
  std::vector<Seen> seen_;
  Shards shards_{1};
  net::Server server_;
  std::thread thread_;
};

BindingBench bench(BindingBench::Settings settings) {
  return {register_http, "bindings.http", std::move(settings)};
}

const std::vector<std::string> kOperations{
    "create", "get", "head", "post", "put", "patch", "delete", "options", "trace"
};

}  // namespace

TEST_CASE("bindings.http keeps the output contract", "[bindings][http]") {
  Server server;
  auto web = bench({{"url", server.url()}});
  web.start();
  CHECK(web.binding().input() == nullptr);
  conformance::output_binding(
      web,
      {
          .operations = kOperations,
          .works = {.operation = "post", .data = "1", .metadata = {{"path", "x"}}},
          .place = {},
      }
  );
}

TEST_CASE("operations are methods; only three of them have a body", "[bindings][http]") {
  Server server;
  auto web = bench({{"url", server.url()}});
  web.start();
  for (const auto& operation : kOperations) {
    INFO(operation);
    const auto outcome = web.invoke(operation, "{}");
    REQUIRE(!outcome.error);
    CHECK(outcome.answered);
    CHECK(outcome.data == (operation == "head" ? "" : "made"));
    auto seen = server.last();
    CHECK(seen.method == (operation == "create" ? "POST" : text::upper(operation)));
    const bool body =
        operation == "create" || operation == "post" || operation == "put" || operation == "patch";
    CHECK(seen.body == (body ? "{}" : ""));
    CHECK(seen.headers["content-type"] == (body ? "application/json; charset=utf-8" : ""));
    CHECK(seen.headers["accept"] == "application/json; charset=utf-8");
  }
}

TEST_CASE("the path is joined by exactly one slash", "[bindings][http]") {
  Server server;
  auto web = bench({{"url", server.url("/base//")}});
  web.start();
  for (const auto& [path, target] : std::map<std::string, std::string>{
           {"//x/y", "/base/x/y"},
           {"z?a=1", "/base/z?a=1"},
           {"with blank", "/base/with%20blank"},
           {"/", "/base/"}
       }) {
    CHECK(!web.invoke("get", {}, {{"path", path}}).error);
    CHECK(server.last().target == target);
  }
  CHECK(!web.invoke("get").error);
  CHECK(server.last().target == "/base//");
  CHECK(web.refusal("get", {}, {{"path", "../up"}}) == "invalid path: ../up");
}

TEST_CASE("metadata in capitals are headers, the trace and the token win", "[bindings][http]") {
  Server server;
  auto web =
      bench({{"url", server.url()}, {"securityToken", "tok"}, {"securityTokenHeader", "X-Sec"}});
  web.start();
  const Metadata metadata{
      {"X-Up", "u"},
      {"lower", "l"},
      {"Accept", "text/html"},
      {"Content-Type", "text/plain"},
      {"Traceparent", "mine"},
      {"traceparent", "tp"},
      {"tracestate", "a=b"},
      {"baggage", "k=v"},
      {"Host", "elsewhere"},
      {"X-Sec", "mine"},
      {"Content-Length", "99"},
      {"Éa", "x"}
  };
  REQUIRE(!web.invoke("post", "x", metadata).error);
  auto headers = server.last().headers;
  const std::map<std::string, std::string> wanted{
      {"x-up", "u"},
      {"accept", "text/html"},
      {"content-type", "text/plain"},
      {"traceparent", "tp"},
      {"tracestate", "a=b"},
      {"baggage", "k=v"},
      {"x-sec", "tok"}
  };
  CHECK(headers == wanted);
  CHECK(server.last().body == "x");
  CHECK(
      web.refusal("get", {}, {{"Bad Name", "x"}}).find("invalid header field name \"Bad Name\"") !=
      std::string::npos
  );
  CHECK(
      web.refusal("get", {}, {{"Bad", "x\r\ny: z"}}).find("invalid header field value") !=
      std::string::npos
  );
}

TEST_CASE("the answer's status and headers are metadata", "[bindings][http]") {
  Server server([](const Seen&, net::ResponseHead& head, std::string&) {
    head.status = 201;
    head.headers.add("x-multi", "a");
    head.headers.add("X-Multi", "b");
  });
  auto web = bench({{"url", server.url()}});
  web.start();
  auto outcome = web.invoke("get");
  CHECK(outcome.metadata["statusCode"] == "201");
  CHECK(outcome.metadata["status"] == "201 Created");
  CHECK(outcome.metadata["X-Multi"] == "a, b");
  CHECK(outcome.metadata["Content-Length"] == "4");
}

TEST_CASE("an answer outside 2xx is an error unless that is switched off", "[bindings][http]") {
  Server server([](const Seen&, net::ResponseHead& head, std::string&) { head.status = 404; });
  auto strict = bench({{"url", server.url()}});
  auto lenient = bench({{"url", server.url()}, {"errorIfNot2XX", "false"}});
  strict.start();
  lenient.start();
  auto refused = strict.invoke("get");
  REQUIRE(refused.error);
  CHECK(refused.error->message == "received status code 404");
  CHECK(refused.error->outcome == 404);
  CHECK(refused.metadata["status"] == "404 Not Found");
  CHECK(strict.invoke("get", {}, {{"errorIfNot2XX", "false"}}).data == "made");
  CHECK(lenient.invoke("get").data == "made");
  CHECK(lenient.refusal("get", {}, {{"errorIfNot2XX", "true"}}) == "received status code 404");
}

TEST_CASE("long bodies are cut, 0 and less is no limit", "[bindings][http]") {
  Server server([](const Seen&, net::ResponseHead&, std::string& body) {
    body.assign(300'000, 'x');
  });
  for (const auto& [limit, size] : std::map<std::string, std::size_t>{
           {"5", 5},
           {"2Ki", 2048},
           {"0", 300'000},
           {"-1", 300'000},
           {"300000", 300'000},
           {"", 300'000}
       }) {
    INFO(limit);
    auto web = bench({{"url", server.url()}, {"maxResponseBodySize", limit}});
    web.start();
    CHECK(web.invoke("get").data.size() == size);
    CHECK(web.invoke("get").data.size() == size);
  }
  CHECK(
      bench({{"url", "http://h"}, {"maxResponseBodySize", "big"}})
          .start_error()
          .find("no quantity") != std::string::npos
  );
}

TEST_CASE("failures on the way name method and URL", "[bindings][http]") {
  Server server;
  auto slow = bench({{"url", server.url("/hang")}, {"responseTimeout", "60ms"}});
  slow.start();
  CHECK(slow.refusal("get") == "Get \"" + server.url("/hang") + "\": context deadline exceeded");
  auto gone = bench({{"url", "http://u:secret@127.0.0.1:1/x"}});
  gone.start();
  CHECK(
      gone.refusal("post") ==
      "Post \"http://u:***@127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused"
  );
  auto wrong = bench({{"url", "ftp://h/"}});
  wrong.start();
  CHECK(wrong.refusal("get") == "Get \"ftp://h/\": unsupported protocol scheme \"ftp\"");
}

TEST_CASE("redirects are followed, credentials stay with their host", "[bindings][http]") {
  Server other;
  Server server([&other](const Seen& request, net::ResponseHead& head, std::string&) {
    if (request.target == "/done") return;
    const auto path = request.target;
    head.status = path.starts_with("/keep") ? 307 : path == "/loop" ? 301 : 302;
    auto location = path == "/loop" ? std::string("/loop") : std::string("done");
    if (path == "/away")
      location = "http://localhost" + other.url("/").substr(std::string("http://127.0.0.1").size());
    head.headers.add("Location", location);
  });
  auto web = bench({{"url", server.url()}});
  web.start();
  CHECK(web.invoke("post", "x", {{"path", "see"}}).data == "made");
  CHECK(server.last().method == "GET");
  CHECK(server.last().body.empty());
  CHECK(web.invoke("post", "x", {{"path", "keep"}}).data == "made");
  CHECK(server.last().method == "POST");
  CHECK(server.last().body == "x");
  CHECK(
      web.refusal("get", {}, {{"path", "loop"}}).find("stopped after 10 redirects") !=
      std::string::npos
  );
  CHECK(
      web.invoke("get", {}, {{"path", "away"}, {"Authorization", "secret"}, {"X-A", "1"}}).data ==
      "made"
  );
  CHECK(other.last().headers.count("authorization") == 0);
  CHECK(other.last().headers["x-a"] == "1");
}

TEST_CASE("user and password of the URL are sent", "[bindings][http]") {
  Server server;
  auto url = server.url();
  auto web = bench({{"url", url.insert(7, "user:p%40ss@")}});
  web.start();
  CHECK(!web.invoke("get").error);
  CHECK(server.last().headers["authorization"] == "Basic " + text::base64("user:p@ss"));
}

TEST_CASE("settings of bindings.http are checked at the start", "[bindings][http]") {
  CHECK(bench({}).start_error().starts_with("url is required"));
  CHECK(
      bench({{"url", "http://h"}, {"MTLSClientCert", "x"}}).start_error() ==
      "MTLSClientCert and MTLSClientKey need each other"
  );
  CHECK(
      bench({{"url", "http://h"}, {"MTLSRootCA", "/no/such/file"}})
          .start_error()
          .find("/no/such/file") != std::string::npos
  );
  auto keyed = bench(
      {{"url", "http://h"},
       {"MTLSClientCert", "-----BEGIN CERTIFICATE-----"},
       {"MTLSClientKey", "hidden"}}
  );
  CHECK(keyed.start_error().find("hidden") == std::string::npos);
  CHECK(bench({{"url", "http://h"}, {"MTLSRenegotiation", "Sometimes"}})
            .start_error()
            .starts_with("MTLSRenegotiation must be one of"));
}
