// A scripted component on a Unix socket, for tests: it notes calls and answers as it is told.

#pragma once

#include <unistd.h>

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "components/pluggable/link.hpp"
#include "runtime/async/within.hpp"
#include "runtime/net/server.hpp"
#include "tests/catch.hpp"
#include "tests/run.hpp"

namespace mecha::pluggable::testing {

using namespace std::chrono_literals;

// What a stream does: the messages that it sends first, then how many answers it reads, then its end.
struct StreamScript {
  std::vector<std::string> messages;
  std::size_t answers = 0;  // read before it ends
  bool stays = false;       // goes on after that until the client ends it
  net::grpc::Status end;
};

struct Script {
  std::map<std::string, net::grpc::Status> statuses;  // by method, "StateStore/Get"; others are OK
  std::map<std::string, std::string> replies;
  std::deque<StreamScript> streams;  // one after another; none left: stays open
  std::vector<std::string> silent;   // methods that never answer
  std::vector<std::string> calls, instances, answers;
  std::vector<bool> deadlines;
};

class Bench {
 public:
  Bench() : shards(1), path((std::filesystem::temp_directory_path() / ("mecha-link-" + std::to_string(::getpid()) + ".sock")).string()) {}
  ~Bench() {
    if (link) run(link->stop());
    down();
    settle();
  }

  void up() {
    auto listener = net::Listener::unix_socket(path);
    REQUIRE(listener);
    server_ = std::make_unique<net::Server>(shards, *std::move(listener), net::ServerOptions{}, [this](net::Exchange& exchange) {
      return serve(exchange);
    });
    server_->start();
  }
  // As if it was killed.
  void down() {
    if (server_) run(server_->stop(0ms));
    server_.reset();
    settle();
  }

  ComponentContext context() {
    return {.shards = shards, .name = "orders", .type = "state.x", .app_id = "app", .name_space = "", .log = Log(make_memory_sink(lines), "test"),
            .report = [this](std::string why) { reports.push_back(std::move(why)); }};
  }
  // The link's greeting is StateStore/Init.
  std::shared_ptr<Link> make(LinkOptions options = {.limits = {.call = 5000ms}, .pause_first = 1ms, .pause_longest = 2ms}) {
    link = std::make_shared<Link>(context(), path, &greet, options);
    return link;
  }
  Result<std::string> call(std::string method) { return run(link->call(std::move(method), "hello")); }

  template <class T>
  T run(asio::awaitable<T> work) {
    return mecha::testing::run(shards.context(0), std::move(work));
  }
  void settle() {
    shards.context(0).restart();
    while (shards.context(0).poll() > 0) {
    }
  }
  // Runs what is due until it holds; five seconds at most.
  template <class F>
  bool until(F condition) {
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      shards.context(0).restart();
      shards.context(0).run_one_for(50ms);
    }
    return condition();
  }
  bool logged(std::string_view text) const {
    return std::ranges::any_of(lines, [&](const std::string& line) { return line.find(text) != std::string::npos; });
  }

  Shards shards;
  const std::string path;
  Script script;
  std::vector<std::string> lines, reports;
  std::shared_ptr<Link> link;

 private:
  static Async<void> greet(Link& link) {
    MECHA_CO_TRY_VOID(co_await link.greet_call("StateStore/Init", "properties"));
    co_return Result<void>{};
  }

  asio::awaitable<void> serve(net::Exchange& exchange) {
    net::grpc::ServerCall call(exchange, 0);
    std::string method(call.method());
    if (const auto prefix = "/" + std::string(kPackage); method.starts_with(prefix)) method.erase(0, prefix.size());
    script.calls.push_back(method);
    script.instances.emplace_back(call.metadata().value_or("x-component-instance", "none"));
    script.deadlines.push_back(call.deadline().has_value());
    if (std::ranges::find(script.silent, method) != script.silent.end()) {
      co_await until_cancelled();
    } else if (method.ends_with("/Stream")) {
      co_await stream(call);
    } else {
      (void)co_await call.read();
      const auto status = script.statuses.find(method);
      if (status == script.statuses.end()) (void)co_await call.write(script.replies[method]);
      (void)co_await call.finish(status == script.statuses.end() ? net::grpc::Status{} : status->second);
    }
  }

  asio::awaitable<void> stream(net::grpc::ServerCall& call) {
    StreamScript play{.stays = true};
    if (!script.streams.empty()) {
      play = std::move(script.streams.front());
      script.streams.pop_front();
    }
    for (const auto& message : play.messages) (void)co_await call.write(message);
    for (std::size_t read = 0; read < play.answers || play.stays; ++read) {
      auto answer = co_await call.read();
      if (!answer || !*answer) break;
      script.answers.push_back(**std::move(answer));
    }
    (void)co_await call.finish(play.end);
  }

  std::unique_ptr<net::Server> server_;
};

}  // namespace mecha::pluggable::testing
