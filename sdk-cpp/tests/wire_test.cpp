// Calls over the wire against a scripted server: what is sent, and every way an answer can be.

#include <chrono>
#include <string>
#include <thread>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "catch.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/when_all.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

using namespace std::chrono_literals;
namespace v1 = dapr::proto::runtime::v1;

v1::GetStateResponse held(std::string data, std::string etag = "1") {
  v1::GetStateResponse answer;
  answer.set_data(std::move(data));
  answer.set_etag(std::move(etag));
  return answer;
}

template <class Message>
Message parsed(const Seen& seen) {
  Message message;
  REQUIRE(seen.messages.size() == 1);
  REQUIRE(message.ParseFromString(seen.messages.front()));
  return message;
}

std::string field(int number, const std::string& bytes) {
  std::string to(1, static_cast<char>(number << 3 | 2));
  for (auto left = bytes.size();; left >>= 7) {
    to += static_cast<char>((left & 127) | (left > 127 ? 128 : 0));
    if (left <= 127) return to + bytes;
  }
}

// google.rpc.Status with an ErrorInfo and a ResourceInfo.
std::string details() {
  const auto info = field(1, "DAPR_STATE_NOT_FOUND") + field(2, "dapr.io") +
                    field(3, field(1, "appID") + field(2, "app"));
  const auto resource = field(1, "state") + field(2, "orders");
  const auto any = [](const std::string& type, const std::string& value) {
    return field(3, field(1, "type.googleapis.com/google.rpc." + type) + field(2, value));
  };
  return std::string("\x08\x03") + field(2, "text") + any("ErrorInfo", info) +
         any("ResourceInfo", resource);
}

Task<Result<std::optional<std::string>>> through_coroutine(StateStore store) {
  co_return co_await store.get<std::string>("k");
}

TEST_CASE("a value comes back on both faces", "[wire]") {
  ScriptedServer server;
  server.answer("GetState", Reply::with(held("v", "7")));
  const auto client = server.client();
  CHECK(**client.blocking().state("orders").get<std::string>("k") == "v");
  CHECK(**sync_wait(through_coroutine(client.state("orders"))) == "v");
  CHECK(client.blocking().state("orders").get_versioned<std::string>("k")->etag == "7");
  const auto request = parsed<v1::GetStateRequest>(server.seen("GetState"));
  CHECK(request.store_name() == "orders");
  CHECK(request.key() == "k");
}

TEST_CASE("a client may go on the thread that brings its last answer", "[wire]") {
  ScriptedServer server;
  server.answer("GetState", Reply::with(held("v")));
  std::atomic<int> left = 50, failed = 0;
  for (int i = 50; i > 0; --i) {
    then_call(server.client().state("o").get<std::string>("k"), [&](const auto& value) {
      if (!value) ++failed;
      --left;
    });
    while (left >= i) std::this_thread::yield();
  }
  CHECK(failed == 0);
}

TEST_CASE("every status is an error with its code and text", "[wire]") {
  ScriptedServer server;
  const auto store = server.client().blocking().state("orders");
  for (int code = 1; code <= 16; ++code) {
    server.answer(
        "GetState",
        Reply::failed({static_cast<grpc::StatusCode>(code), "text " + std::to_string(code)})
    );
    const auto plain = store.get<std::string>("k");
    const auto awaited = sync_wait(through_coroutine(server.client().state("orders")));
    REQUIRE(!plain);
    REQUIRE(!awaited);
    CHECK(plain.error().code == static_cast<Code>(code));
    CHECK(awaited.error().code == static_cast<Code>(code));
    CHECK(plain.error().message == "text " + std::to_string(code));
    CHECK(plain.error().reason.empty());
  }
#ifndef MECHA_SDK_SANITIZED  // no enumerator: the sanitizer stops gRPC itself
  server.answer("GetState", Reply::failed({static_cast<grpc::StatusCode>(77), "odd"}));
  CHECK(store.get<std::string>("k").error().code == Code::unknown);
#endif
}

TEST_CASE("the details of a status are fields of the error", "[wire]") {
  ScriptedServer server;
  server.answer("GetState", Reply::failed({grpc::StatusCode::INVALID_ARGUMENT, "text", details()}));
  const auto got = server.client().blocking().state("orders").get<std::string>("k");
  REQUIRE(!got);
  CHECK(got.error().reason == "DAPR_STATE_NOT_FOUND");
  CHECK(got.error().domain == "dapr.io");
  CHECK(got.error().resource_type == "state");
  CHECK(got.error().resource_name == "orders");
  CHECK(got.error().metadata.at("appID") == "app");
  server.answer(
      "GetState", Reply::failed({grpc::StatusCode::INTERNAL, "text", "\xff\xff garbage"})
  );
  CHECK(
      server.client().blocking().state("orders").get<std::string>("k").error().code ==
      Code::internal
  );
}

TEST_CASE("a server that is silent ends at the deadline, of the call or of the client", "[wire]") {
  ScriptedServer server;
  server.on("GetState", [](const std::string*, std::size_t) { return Reply::silence(); });
  const auto begin = std::chrono::steady_clock::now();
  CallOptions soon;
  soon.timeout = 30ms;
  CHECK(
      server.client().blocking().state("o").get<std::string>("k", {}, soon).error().code ==
      Code::deadline_exceeded
  );
  auto options = server.options();
  options.timeout = 30ms;
  const auto hasty = *Client::connect(options);
  CHECK(sync_wait(through_coroutine(hasty.state("o"))).error().code == Code::deadline_exceeded);
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("a call without a limit has no deadline", "[wire]") {
  ScriptedServer server;
  server.answer("GetState", Reply::with(held("v")));
  CallOptions endless;
  endless.timeout = CallOptions::no_timeout;
  CHECK(server.client().blocking().state("o").get<std::string>("k", {}, endless));
  CHECK(server.seen("GetState").deadline > std::chrono::system_clock::now() + 24h);
  CHECK(server.client().blocking().state("o").get<std::string>("k"));
  CHECK(server.seen("GetState").deadline < std::chrono::system_clock::now() + 61s);
}

// Asks for a stop as soon as the server has the call.
template <class Run>
Error stopped_by(ScriptedServer& server, std::stop_source& stop, Run run) {
  server.on("GetState", [stop](const std::string* message, std::size_t) {
    if (message != nullptr) stop.request_stop();
    return Reply::silence();
  });
  return run().error();
}

TEST_CASE("a stop token cancels a call under way, on either face", "[wire]") {
  ScriptedServer server;
  const auto client = server.client();
  SECTION("of the call, blocking") {
    std::stop_source stop;
    CallOptions options;
    options.stop = stop.get_token();
    const auto store = client.blocking().state("o");
    CHECK(stopped_by(server, stop, [&] {
            return store.get<std::string>("k", {}, options);
          }).code == Code::cancelled);
  }
  SECTION("of the call, awaited") {
    std::stop_source stop;
    CallOptions options;
    options.stop = stop.get_token();
    const auto both = [&] {
      return sync_wait(when_all(client.state("o").get<std::string>("k", {}, options), ready(1)))
          .first;
    };
    CHECK(stopped_by(server, stop, both).code == Code::cancelled);
  }
  SECTION("of the task") {
    std::stop_source stop;
    TaskContext context;
    context.stop = stop.get_token();
    CHECK(stopped_by(server, stop, [&] {
            return sync_wait(through_coroutine(client.state("o")), context);
          }).code == Code::cancelled);
  }
  SECTION("before the call") {
    std::stop_source stop;
    stop.request_stop();
    CallOptions options;
    options.stop = stop.get_token();
    CHECK(
        client.blocking().state("o").get<std::string>("k", {}, options).error().code ==
        Code::cancelled
    );
    CHECK(server.calls("GetState") == 0);
  }
}

TEST_CASE(
    "a task that is destroyed during its call cancels it, and the client may be gone", "[wire]"
) {
  ScriptedServer server;
  std::atomic<bool> came = false;
  server.on("GetState", [&](const std::string* message, std::size_t) {
    if (message != nullptr) came = true;
    return Reply::silence();
  });
  {
    auto task = server.client().state("o").get<std::string>("k");
    auto* operation = detail::TaskAccess::operation(task);
    operation->waiter = {[](void*) noexcept {}, nullptr};
    operation->start().resume();
    while (!came) std::this_thread::yield();
  }
  server.stop();
  CHECK(came);
}

TEST_CASE("token, trace, metadata and name of the library go along", "[wire]") {
  ScriptedServer server;
  server.answer("GetState", Reply::with(held("v")));
  auto options = server.options();
  options.api_token = "secret";
  const auto client = *Client::connect(options);
  TaskContext context;
  context.trace = std::make_shared<const TraceContext>(TraceContext{"00-a-b-01", "x=y", "user=1"});
  REQUIRE(sync_wait(through_coroutine(client.state("o")), context));
  auto seen = server.seen("GetState");
  CHECK(seen.field("dapr-api-token") == "secret");
  CHECK(seen.field("traceparent") == "00-a-b-01");
  CHECK(seen.field("tracestate") == "x=y");
  CHECK(seen.field("baggage") == "user=1");
  CHECK(seen.field("user-agent").find("mecha-sdk-cpp/") == 0);
  CallOptions explicitly;
  explicitly.trace = std::make_shared<const TraceContext>(TraceContext{"00-c-d-01", "", ""});
  explicitly.metadata["x-more"] = "1";
  REQUIRE(sync_wait(client.state("o").get<std::string>("k", {}, explicitly), context));
  seen = server.seen("GetState");
  CHECK(seen.field("traceparent") == "00-c-d-01");
  CHECK(seen.metadata.count("tracestate") == 0);
  CHECK(seen.field("x-more") == "1");
}

TEST_CASE("bytes that are no message, and messages that are too long, are errors", "[wire]") {
  ScriptedServer server;
  auto options = server.options();
  options.message_size_max = 1000;
  const auto client = *Client::connect(options);
  const auto store = client.blocking().state("o");
  server.answer("GetState", Reply{{"\xff\xff\xff\xff"}, grpc::Status::OK});
  CHECK(store.get<std::string>("k").error().code == Code::internal);
  CHECK(sync_wait(through_coroutine(client.state("o"))).error().code == Code::internal);
  server.answer("GetState", Reply::with(held(std::string(2000, 'x'))));
  CHECK(store.get<std::string>("k").error().code == Code::resource_exhausted);
  server.answer("GetState", Reply::with(held(std::string(500, 'x'))));
  CHECK((*store.get<std::string>("k"))->size() == 500);
  server.answer("GetState", Reply{{}, grpc::Status::OK});
  CHECK(store.get<std::string>("k").error().code == Code::internal);
  CHECK(sync_wait(through_coroutine(client.state("o"))).error().code == Code::internal);
}

// Accepts one connection, talks HTTP/2 as far as the first request, and closes.
class Cutter {
 public:
  Cutter() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_, 8) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Cutter() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }
  int port = 0;

 private:
  void run() const {
    for (;;) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      const char settings[9] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
      std::string input;
      char buffer[4096];
      bool open = send(connection, settings, sizeof(settings), MSG_NOSIGNAL) > 0;
      while (open && input.find("GetState") == std::string::npos && input.size() < 400) {
        const auto size = recv(connection, buffer, sizeof(buffer), 0);
        open = size > 0;
        if (open) input.append(buffer, static_cast<std::size_t>(size));
      }
      close(connection);
    }
  }

  int listener_;
  std::thread thread_;
};

TEST_CASE(
    "a connection that is cut during a call is unavailable, and so is a server that is not there",
    "[wire]"
) {
  ClientOptions options;
  {
    Cutter cutter;
    options.endpoint = "127.0.0.1:" + std::to_string(cutter.port);
    options.api_token = std::string(300, 't');
    options.timeout = 5s;
    const auto client = *Client::connect(options);
    CHECK(client.blocking().state("o").get<std::string>("k").error().code == Code::unavailable);
    CHECK(sync_wait(through_coroutine(client.state("o"))).error().code == Code::unavailable);
  }
  CHECK(
      Client::connect(options)->blocking().state("o").get<std::string>("k").error().code ==
      Code::unavailable
  );
}

TEST_CASE(
    "a server that ends cuts a call under way, and one that is back is found again", "[wire]"
) {
  const std::string path = "unix:/tmp/mecha-sdk-test-" + std::to_string(getpid()) + ".socket";
  ClientOptions options;
  options.endpoint = path;
  options.timeout = 10s;
  const auto client = *Client::connect(options);
  {
    ScriptedServer server(path);
    std::thread ender;
    server.on("GetState", [&](const std::string* message, std::size_t) {
      if (message != nullptr) ender = std::thread([&] { server.stop(); });
      return Reply::silence();
    });
    const auto code = client.blocking().state("o").get<std::string>("k").error().code;
    CHECK((code == Code::unavailable || code == Code::cancelled));
    ender.join();
  }
  ScriptedServer again(path);
  again.answer("GetMetadata", Reply::with(v1::GetMetadataResponse()));
  CHECK(client.blocking().wait_until_ready(9s));
}

TEST_CASE(
    "waiting for a sidecar ends with its answer, at the limit, or at once for a wrong token",
    "[wire]"
) {
  ScriptedServer server;
  std::atomic<int> asked = 0;
  server.on("GetMetadata", [&](const std::string* message, std::size_t) {
    if (message == nullptr) return Reply();
    if (++asked < 3) return Reply::failed({grpc::StatusCode::UNAVAILABLE, "not yet"});
    return Reply::with(v1::GetMetadataResponse());
  });
  const auto client = server.client().blocking();
  CHECK(client.wait_until_ready(10s));
  CHECK(asked == 3);
  asked = 0;
  server.on("GetMetadata", [&](const std::string* message, std::size_t) {
    if (message == nullptr) return Reply();
    return ++asked == 1 ? Reply::failed({grpc::StatusCode::UNAVAILABLE, "never"}) : Reply::silence();
  });
  const auto late = client.wait_until_ready(2s);
  CHECK(late.error().code == Code::deadline_exceeded);
  CHECK(late.error().message == "the sidecar is not ready: never");
  server.answer("GetMetadata", Reply::failed({grpc::StatusCode::UNAUTHENTICATED, "Unauthorized"}));
  CHECK(server.client().blocking().wait_until_ready(10s).error().code == Code::unauthenticated);
  std::stop_source stop;
  CallOptions options;
  options.stop = stop.get_token();
  server.on("GetMetadata", [&](const std::string*, std::size_t) {
    stop.request_stop();
    return Reply::failed({grpc::StatusCode::UNAVAILABLE, "never"});
  });
  CHECK(server.client().blocking().wait_until_ready(10s, options).error().code == Code::cancelled);
}

TEST_CASE("many calls at a time from many threads all come back", "[wire]") {
  ScriptedServer server;
  server.answer("GetState", Reply::with(held("v")));
  const auto client = server.client();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        good +=
            sync_wait(
                when_all(through_coroutine(client.state("o")), through_coroutine(client.state("p")))
            )
                .second.has_value();
        good += client.blocking().state("o").get<std::string>("k").has_value();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(good == 400);
}

}  // namespace
}  // namespace mecha::test
