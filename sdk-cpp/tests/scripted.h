// A gRPC server that does what a test says: any answer, status, silence or end, for any method.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/message_lite.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include "mecha/client.h"

namespace mecha::test {

/// What the server does when a message or the end of the input comes.
struct Reply {
  std::vector<std::string> messages = {};          ///< Sent in this order.
  std::optional<grpc::Status> end = std::nullopt;  ///< Then the call ends so.

  /// One message and OK.
  static Reply with(const google::protobuf::MessageLite& message) {
    return {{message.SerializeAsString()}, grpc::Status::OK};
  }
  static Reply failed(grpc::Status status) { return {{}, std::move(status)}; }
  static Reply silence() { return {}; }
};

/// A call as the server saw it.
struct Seen {
  std::multimap<std::string, std::string> metadata;
  std::vector<std::string> messages;
  std::chrono::system_clock::time_point deadline;

  std::string field(const std::string& name) const {
    const auto found = metadata.find(name);
    return found == metadata.end() ? "" : found->second;
  }
};

class ScriptedServer : private grpc::CallbackGenericService {
 public:
  /// `message` is empty at the end of the input; `count` says how many came before.
  using Script = std::function<Reply(const std::string* message, std::size_t count)>;

  explicit ScriptedServer(
      std::string address = "127.0.0.1:0",
      const std::shared_ptr<grpc::ServerCredentials>& credentials = grpc::InsecureServerCredentials()
  );
  ~ScriptedServer() override { stop(); }

  /// Scripts a method of the service of the sidecar. Without a script, it is unimplemented.
  void on(const std::string& method, Script script);
  /// Every message is answered so.
  void answer(const std::string& method, Reply reply);
  /// The last call of a method.
  Seen seen(const std::string& method) const;
  std::size_t calls(const std::string& method) const;
  /// Headers and trailers of every answer.
  Metadata headers, trailers;

  /// Ends all calls and connections.
  void stop();

  ClientOptions options() const;
  Client client() const { return *Client::connect(options()); }

 private:
  class Call;
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context
  ) override;

  mutable std::mutex mutex_;
  std::map<std::string, Script> scripts_;
  std::map<std::string, std::vector<Seen>> seen_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace mecha::test
