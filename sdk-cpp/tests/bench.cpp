// What the SDK costs over a generated stub: the same GetState on the same loopback server, in turns.
// Prints one JSON object. What a method of a generated stub does is one call of gRPC's template for
// the kind of call; that is what `raw` makes, with a context and two messages of its own each time.
//   mecha_sdk_bench [ROUNDS]
//   mecha_sdk_bench allocations                     fails when the SDK makes more of them than the stub
//   mecha_sdk_bench raw|sdk blocking|later CALLS    one side alone, for a profiler that counts instructions

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
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

std::atomic<std::size_t> allocated = 0;  // by all threads

}  // namespace

void* operator new(std::size_t size) {
  allocated.fetch_add(1, std::memory_order_relaxed);
  if (void* found = std::malloc(size)) return found;
  std::abort();
}
void operator delete(void* what) noexcept { std::free(what); }
void operator delete(void* what, std::size_t) noexcept { std::free(what); }

namespace mecha::test {
namespace {

namespace v1 = dapr::proto::runtime::v1;
using Clock = std::chrono::steady_clock;

constexpr int batch = 40;  // short turns, so that what else the machine does meets both sides
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
  std::vector<double> blocking_us, later_us, blocking_new, later_new;
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
void one_by_one(const Side& side) {
  for (int i = 0; i < batch; ++i) need(side.blocking());
}

// So many under way; each that ends begins the next.
template <class Side>
void together(const Side& side) {
  const auto work = std::shared_ptr<Work<Side>>(new Work<Side>{&side});
  for (int i = 0; i < at_a_time; ++i) next(work);
  for (int seen = work->done; seen < batch; seen = work->done) work->done.wait(seen);
}

template <class Side>
void timed(const Side& side, void (*calls)(const Side&), std::vector<double>& us, std::vector<double>& news) {
  const auto before = allocated.load();
  const auto begin = Clock::now();
  calls(side);
  us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / batch);
  news.push_back(static_cast<double>(allocated.load() - before) / batch);
}

template <class Side>
void round(const Side& side, Figures& to) {
  timed(side, &one_by_one<Side>, to.blocking_us, to.blocking_new);
  timed(side, &together<Side>, to.later_us, to.later_new);
}

// Of the batches the tenth part that was disturbed least.
double undisturbed(std::vector<double> values) {
  const auto tenth = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 10);
  std::nth_element(values.begin(), tenth, values.end());
  return *tenth;
}

template <class Side>
int run_one(const Side& side, const char* face, int calls) {
  for (int i = 0; i < calls; i += batch) std::strcmp(face, "later") == 0 ? together(side) : one_by_one(side);
  return 0;
}

Sdk sdk_of(const std::string& address) {
  ClientOptions options;
  options.endpoint = address;
  options.api_token = "";
  return {*Client::connect(options)};
}

// Both in turns, who comes first too.
void compare(const Raw& raw, const Sdk& sdk, int rounds, Figures& of_raw, Figures& of_sdk) {
  Figures unused;
  for (int i = 0; i < 10; ++i) round(raw, unused), round(sdk, unused);
  for (int i = 0; i < rounds; ++i) {
    if (i % 2 == 0) round(raw, of_raw);
    round(sdk, of_sdk);
    if (i % 2 != 0) round(raw, of_raw);
  }
}

int run(int rounds, const std::string& address) {
  Figures of_raw, of_sdk;
  compare(Raw(address), sdk_of(address), rounds, of_raw, of_sdk);
  std::printf(
      "{\"raw_blocking_us\": %.3f, \"sdk_blocking_us\": %.3f, \"raw_later_us\": %.3f, \"sdk_later_us\": %.3f, "
      "\"raw_allocations\": %.1f, \"sdk_allocations\": %.1f, \"raw_later_allocations\": %.1f, "
      "\"sdk_later_allocations\": %.1f}\n",
      undisturbed(of_raw.blocking_us), undisturbed(of_sdk.blocking_us), undisturbed(of_raw.later_us),
      undisturbed(of_sdk.later_us), undisturbed(of_raw.blocking_new), undisturbed(of_sdk.blocking_new),
      undisturbed(of_raw.later_new), undisturbed(of_sdk.later_new)
  );
  return 0;
}

// What gRPC allocates besides, now and then, is not in the tenth part of the batches.
int check_allocations(const std::string& address) {
  Figures of_raw, of_sdk;
  compare(Raw(address), sdk_of(address), 40, of_raw, of_sdk);
  const double raw[] = {undisturbed(of_raw.blocking_new), undisturbed(of_raw.later_new)};
  const double sdk[] = {undisturbed(of_sdk.blocking_new), undisturbed(of_sdk.later_new)};
  std::printf("blocking %.1f, generated stub %.1f; later %.1f, generated stub %.1f\n", sdk[0], raw[0], sdk[1], raw[1]);
  return sdk[0] <= raw[0] - 2 && sdk[1] <= raw[1] ? 0 : 1;
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
  int result = 0;
  if (count == 2 && std::strcmp(words[1], "allocations") == 0) result = mecha::test::check_allocations(address);
  else if (count < 4) result = mecha::test::run(count > 1 ? std::atoi(words[1]) : 250, address);
  else if (std::strcmp(words[1], "raw") == 0) result = mecha::test::run_one(mecha::test::Raw(address), words[2], std::atoi(words[3]));
  else result = mecha::test::run_one(mecha::test::sdk_of(address), words[2], std::atoi(words[3]));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return result;
}
