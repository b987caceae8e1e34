// The application of the gRPC figures, written with gRPC C++ as users write theirs (callback interface): OnInvoke answers
// 1 KiB, Unary the same as a message of its own, Stream sends back what it gets; other methods are not there. It is also the floor
// of calls that end in a sidecar: GetState answers a value of 130 bytes, SaveState and PublishEvent nothing.
// Usage: mecha_grpc_app PORT

#include <cstdio>
#include <cstdlib>
#include <string>

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

namespace {

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const auto& slice : slices) bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

// InvokeResponse{data: Any{value: 1 KiB}, content_type: "text/plain"}
std::string invoke_response() {
  return std::string("\x0a\x83\x08\x12\x80\x08", 6) + std::string(1024, 'x') + "\x12\x0atext/plain";
}

// GetStateResponse{data: a JSON text of 130 bytes, etag: "1"}
std::string state_response() {
  return std::string("\x0a\x82\x01\"", 4) + std::string(128, 'v') + "\"\x12\x01" + "1";
}

class Unary final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Unary(const std::string& answer) {
    const grpc::Slice slice(answer);
    out_ = grpc::ByteBuffer(&slice, 1);
    StartRead(&in_);
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return Finish({grpc::StatusCode::INTERNAL, "no message"});
    StartWriteAndFinish(&out_, {}, grpc::Status::OK);
  }
  void OnDone() override { delete this; }

  grpc::ByteBuffer in_, out_;
};

class Stream final : public grpc::ServerGenericBidiReactor {
 public:
  Stream() { StartRead(&in_); }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    const grpc::Slice slice(bytes_of(in_));
    out_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&out_);
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    StartRead(&in_);
  }
  void OnDone() override { delete this; }

  grpc::ByteBuffer in_, out_;
};

class Nothing final : public grpc::ServerGenericBidiReactor {
 public:
  Nothing() { Finish({grpc::StatusCode::UNIMPLEMENTED, "unknown method"}); }

 private:
  void OnDone() override { delete this; }
};

class Application final : public grpc::CallbackGenericService {
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const auto& method = context->method();
    if (method.ends_with("/OnInvoke") || method.ends_with("/Unary")) return new Unary(invoke_response());
    if (method.ends_with("/GetState")) return new Unary(state_response());
    if (method.ends_with("/SaveState") || method.ends_with("/PublishEvent")) return new Unary("");
    if (method.ends_with("/Stream")) return new Stream;
    return new Nothing;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Application application;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(std::string("127.0.0.1:") + argv[1], grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(&application);
  const auto server = builder.BuildAndStart();
  if (!server) return std::fprintf(stderr, "port %s cannot be used\n", argv[1]), 1;
  server->Wait();
}
