// What the SDK costs over a generated stub: the same GetState on the same loopback server, in turns.
// Prints one JSON object. What a method of a generated stub does is one call of gRPC's template for
// the kind of call; that is what `raw` makes, with a context and two messages of its own each time.
//   mecha_sdk_bench [ROUNDS]

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/client_callback.h>

#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/mecha.h"
#include "tests/scripted.h"

namespace {

thread_local std::size_t allocated = 0;

}  // namespace

void* operator new(std::size_t size) {
  ++allocated;
  if (void* found = std::malloc(size)) return found;
  std::abort();
}
void operator delete(void* what) noexcept { std::free(what); }
void operator delete(void* what, std::size_t) noexcept { std::free(what); }

namespace mecha::test {
namespace {

namespace v1 = dapr::proto::runtime::v1;
using Clock = std::chrono::steady_clock;

constexpr int batch = 200;
constexpr int at_a_time = 16;

// The server in a process of its own, so that the threads and allocations counted are the client's.
[[noreturn]] void serve(int out) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  ScriptedServer server;
  v1::GetStateResponse answer;
  answer.set_data(std::string(128, 'v'));
  answer.set_etag("1");
  server.answer("GetState", Reply::with(answer));
  const auto address = server.options().endpoint;
  if (write(out, address.c_str(), address.size()) < 0) std::abort();
  close(out);
  for (;;) pause();
}

struct Raw {
  std::shared_ptr<grpc::Channel> channel;
  grpc::internal::RpcMethod method;

  explicit Raw(const std::string& address)
      : channel(grpc::CreateChannel(address, grpc::InsecureChannelCredentials())),
        method("/dapr.proto.runtime.v1.Dapr/GetState", grpc::internal::RpcMethod::NORMAL_RPC, channel) {}

  bool blocking() const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    v1::GetStateRequest request;
    request.set_store_name("store");
    request.set_key("key");
    v1::GetStateResponse answer;
    const auto status = grpc::internal::BlockingUnaryCall<
        v1::GetStateRequest,
        v1::GetStateResponse,
        google::protobuf::MessageLite,
        google::protobuf::MessageLite>(channel.get(), method, &context, request, &answer);
    return status.ok() && answer.data().size() == 128;
  }

  template <class F>
  void later(F done) const {
    struct Call {
      grpc::ClientContext context;
      v1::GetStateRequest request;
      v1::GetStateResponse answer;
    };
    auto* call = new Call;
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    call->request.set_store_name("store");
    call->request.set_key("key");
    grpc::internal::CallbackUnaryCall<
        v1::GetStateRequest,
        v1::GetStateResponse,
        google::protobuf::MessageLite,
        google::protobuf::MessageLite>(
        channel.get(), method, &call->context, &call->request, &call->answer,
        [call, done](const grpc::Status& status) {
          const bool ok = status.ok() && call->answer.data().size() == 128;
          delete call;
          done(ok);
        }
    );
  }
};

struct Sdk {
  Client client;
  BasicStateStore<Blocking> blocking_store = client.blocking().state("store");
  BasicStateStore<Async> store = client.state("store");

  bool blocking() const {
    const auto value = blocking_store.get<std::string>("key");
    return value && *value && (*value)->size() == 128;
  }
  template <class F>
  void later(F done) const {
    then_call(store.get<std::string>("key"), [done](const auto& value) {
      done(value && *value && (*value)->size() == 128);
    });
  }
};

void need(bool ok) {
  if (!ok) std::fprintf(stderr, "a call failed\n"), std::abort();
}

struct Figures {
  std::vector<double> blocking_us, later_us;
  double allocations = 0;
};

template <class Side>
struct Work {
  const Side* side;
  std::atomic<int> left = batch, done = 0;
};

template <class Side>
void next(std::shared_ptr<Work<Side>> work) {
  if (work->left.fetch_sub(1) <= 0) return;
  work->side->later([work](bool ok) {
    need(ok);
    next(work);
    if (++work->done == batch) work->done.notify_all();
  });
}

template <class Side>
void round(const Side& side, Figures& to) {
  const auto before = allocated;
  auto begin = Clock::now();
  for (int i = 0; i < batch; ++i) need(side.blocking());
  to.blocking_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / batch);
  to.allocations = static_cast<double>(allocated - before) / batch;

  // So many under way; each that ends begins the next.
  const auto work = std::shared_ptr<Work<Side>>(new Work<Side>{&side});
  begin = Clock::now();
  for (int i = 0; i < at_a_time; ++i) next(work);
  for (int seen = work->done; seen < batch; seen = work->done) work->done.wait(seen);
  to.later_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / batch);
}

// Of the batches the tenth part that was disturbed least.
double undisturbed(std::vector<double> values) {
  const auto tenth = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 10);
  std::nth_element(values.begin(), tenth, values.end());
  return *tenth;
}

int run(int rounds, const std::string& address) {
  ClientOptions options;
  options.endpoint = address;
  options.api_token = "";
  const Raw raw(address);
  const Sdk sdk{*Client::connect(options)};
  Figures of_raw, of_sdk, unused;
  for (int i = 0; i < 3; ++i) round(raw, unused), round(sdk, unused);
  for (int i = 0; i < rounds; ++i) {
    // Who comes first takes turns, too.
    if (i % 2 == 0) round(raw, of_raw);
    round(sdk, of_sdk);
    if (i % 2 != 0) round(raw, of_raw);
  }
  std::printf(
      "{\"raw_blocking_us\": %.3f, \"sdk_blocking_us\": %.3f, \"raw_later_us\": %.3f, \"sdk_later_us\": "
      "%.3f, \"raw_allocations\": %.1f, \"sdk_allocations\": %.1f}\n",
      undisturbed(of_raw.blocking_us), undisturbed(of_sdk.blocking_us), undisturbed(of_raw.later_us),
      undisturbed(of_sdk.later_us), of_raw.allocations, of_sdk.allocations
  );
  return 0;
}

}  // namespace
}  // namespace mecha::test

int main(int count, char** words) {
  int pipes[2];
  if (pipe(pipes) != 0) return 1;
  const auto child = fork();
  if (child == 0) mecha::test::serve(pipes[1]);
  close(pipes[1]);
  char address[128] = {};
  if (read(pipes[0], address, sizeof address - 1) <= 0) return 1;
  const int result = mecha::test::run(count > 1 ? std::atoi(words[1]) : 50, address);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return result;
}
