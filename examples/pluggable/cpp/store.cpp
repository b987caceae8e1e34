// A state store of our own: a gRPC server on a Unix socket, found by reflection. It keeps values in a map.
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>

#include "dapr/proto/components/v1/state.grpc.pb.h"

namespace proto = dapr::proto::components::v1;

// [store]
// Calls come on several threads. What the class does not override is answered with UNIMPLEMENTED.
class Store final : public proto::StateStore::Service {
  using Status = grpc::Status;
  using Context = grpc::ServerContext;

  Status Init(Context*, const proto::InitRequest* request, proto::InitResponse*) override {
    for (const auto& [name, value] : request->metadata().properties()) {
      std::printf("told: %s = %s\n", name.c_str(), value.c_str());
    }
    return Status::OK;
  }

  Status Features(Context*, const proto::FeaturesRequest*, proto::FeaturesResponse*) override {
    return Status::OK;
  }

  // [get]
  Status Get(Context*, const proto::GetRequest* request, proto::GetResponse* response) override {
    const std::lock_guard lock(mutex_);
    const auto found = values_.find(request->key());
    if (found != values_.end()) response->set_data(found->second);
    return Status::OK;
  }

  // [/get]
  Status Set(Context*, const proto::SetRequest* request, proto::SetResponse*) override {
    const std::lock_guard lock(mutex_);
    values_[request->key()] = request->value();
    return Status::OK;
  }

  Status Delete(Context*, const proto::DeleteRequest* request, proto::DeleteResponse*) override {
    const std::lock_guard lock(mutex_);
    values_.erase(request->key());
    return Status::OK;
  }

  std::mutex mutex_;
  std::map<std::string, std::string> values_;
};
// [/store]

int main(int count, char** arguments) {
  if (count != 2) return std::fprintf(stderr, "usage: %s SOCKET\n", arguments[0]), 2;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // each line at once, also where it goes into a pipe
  const std::filesystem::path socket = arguments[1];
  std::error_code failed;
  std::filesystem::create_directories(socket.parent_path(), failed);

  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  Store store;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials());
  builder.RegisterService(&store);
  const auto server = builder.BuildAndStart();
  if (!server) return std::fprintf(stderr, "no listening on %s\n", socket.c_str()), 1;
  std::printf("serving %s\n", socket.c_str());
  server->Wait();
}
