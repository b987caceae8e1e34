// Tasks on executors of Asio; built once with Boost.Asio and once with the standalone library.

#if defined(ASIO_STANDALONE)
#include <asio/bind_cancellation_slot.hpp>
#include <asio/bind_executor.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/io_context.hpp>
#else
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#endif

#include <string>
#include <thread>

#include "catch.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/asio.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

namespace net = mecha::detail::net;

Reply value(const std::string& data) {
  dapr::proto::runtime::v1::GetStateResponse answer;
  answer.set_data(data);
  return Reply::with(answer);
}

// Where a coroutine is after each of two calls.
Task<Result<std::vector<std::thread::id>>> places(Client client) {
  std::vector<std::thread::id> ids;
  for (int i = 0; i < 2; ++i) {
    auto got = co_await client.state("o").get<std::string>("k");
    if (!got) co_return std::move(got).error();
    ids.push_back(std::this_thread::get_id());
  }
  co_return ids;
}

TEST_CASE(
    "coroutines and handlers go on on the executor of the handler, which has work until then",
    "[asio]"
) {
  ScriptedServer server;
  server.answer("GetState", value("v"));
  net::io_context context;
  std::vector<std::thread::id> ids;
  auto done = net::bind_executor(context, [&](Result<std::vector<std::thread::id>> got) {
    REQUIRE(got);
    ids = *got;
    ids.push_back(std::this_thread::get_id());
  });
  async_run(places(server.client()), done);
  context.run();
  CHECK(ids == std::vector<std::thread::id>(3, std::this_thread::get_id()));
}

TEST_CASE("a slot of Asio cancels the call", "[asio]") {
  ScriptedServer server;
  net::io_context context;
  net::cancellation_signal signal;
  server.on("GetState", [&](const std::string* message, std::size_t) {
    if (message != nullptr) net::post(context, [&] { signal.emit(net::cancellation_type::total); });
    return Reply::silence();
  });
  Code code = Code::ok;
  auto done = [&](Result<std::optional<std::string>> got) { code = got.error().code; };
  async_run(
      server.client().state("o").get<std::string>("k"),
      net::bind_cancellation_slot(signal.slot(), net::bind_executor(context, done))
  );
  context.run();
  CHECK(code == Code::cancelled);
}

#if !defined(ASIO_STANDALONE)
net::awaitable<void> in_awaitable(Client client, std::string& got) {
  auto value = co_await async_run(client.state("o").get<std::string>("k"), net::use_awaitable);
  got = value ? value->value_or("absent") : value.error().message;
}

TEST_CASE("a task is awaited in a coroutine of Asio", "[asio]") {
  ScriptedServer server;
  server.answer("GetState", value("v"));
  net::io_context context;
  std::string got;
  net::co_spawn(context, in_awaitable(server.client(), got), net::detached);
  context.run();
  CHECK(got == "v");
}
#endif

}  // namespace
}  // namespace mecha::test
