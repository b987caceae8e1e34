// A gRPC server that does what a test says.

#include "tests/scripted.h"

#include <deque>

namespace mecha::test {
namespace {

const std::string service = "/dapr.proto.runtime.v1.Dapr/";

std::string text_of(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string text;
  if (!buffer.Dump(&slices).ok()) return text;
  for (const auto& slice : slices)
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return text;
}

grpc::ByteBuffer buffer_of(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

// One call: reads on, and sends what the script says, one message at a time.
class ScriptedServer::Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(
      ScriptedServer& owner,
      grpc::GenericCallbackServerContext& context,
      std::string method,
      Script script
  )
      : owner_(owner), method_(std::move(method)), script_(std::move(script)) {
    for (const auto& [key, value] : owner.headers) context.AddInitialMetadata(key, value);
    for (const auto& [key, value] : owner.trailers) context.AddTrailingMetadata(key, value);
    StartRead(&incoming_);
  }

 private:
  void OnReadDone(bool ok) override {
    const auto text = text_of(incoming_);
    if (ok) {
      const std::lock_guard lock(owner_.mutex_);
      owner_.seen_[method_].back().messages.push_back(text);
    }
    auto reply = script_(ok ? &text : nullptr, count_);
    count_ += ok;
    const std::lock_guard lock(mutex_);
    for (auto& message : reply.messages) queue_.push_back(std::move(message));
    if (reply.end) end_ = std::move(reply.end);
    proceed();
    if (ok && !ended_) StartRead(&incoming_);
  }

  void OnWriteDone(bool) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    proceed();
  }

  void proceed() {
    if (writing_ || ended_) return;
    if (!queue_.empty()) {
      outgoing_ = buffer_of(queue_.front());
      queue_.pop_front();
      writing_ = true;
      StartWrite(&outgoing_);
    } else if (end_) {
      ended_ = true;
      Finish(*end_);
    }
  }

  void OnCancel() override {
    const std::lock_guard lock(mutex_);
    if (!ended_) Finish(grpc::Status::CANCELLED);
    ended_ = true;
  }
  void OnDone() override { delete this; }

  ScriptedServer& owner_;
  std::string method_;
  Script script_;
  std::size_t count_ = 0;
  std::mutex mutex_;
  std::deque<std::string> queue_;
  std::optional<grpc::Status> end_;
  bool writing_ = false, ended_ = false;
  grpc::ByteBuffer incoming_, outgoing_;
};

ScriptedServer::ScriptedServer(
    std::string address, const std::shared_ptr<grpc::ServerCredentials>& credentials
)
    : address_(std::move(address)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address_, credentials, &port);
  builder.SetMaxReceiveMessageSize(-1);
  builder.RegisterCallbackGenericService(this);
  server_ = builder.BuildAndStart();
  if (port > 0 && !address_.starts_with("unix")) address_ = "127.0.0.1:" + std::to_string(port);
}

void ScriptedServer::stop() {
  if (!server_) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  server_.reset();
}

void ScriptedServer::on(const std::string& method, Script script) {
  const std::lock_guard lock(mutex_);
  scripts_[service + method] = std::move(script);
}

void ScriptedServer::answer(const std::string& method, Reply reply) {
  on(method, [reply = std::move(reply)](const std::string* message, std::size_t) {
    return message ? reply : Reply();
  });
}

Seen ScriptedServer::seen(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(service + method);
  return found == seen_.end() ? Seen() : found->second.back();
}

std::size_t ScriptedServer::calls(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  const auto found = seen_.find(service + method);
  return found == seen_.end() ? 0 : found->second.size();
}

ClientOptions ScriptedServer::options() const {
  ClientOptions options;
  options.endpoint = address_;
  options.api_token = "";
  return options;
}

grpc::ServerGenericBidiReactor* ScriptedServer::CreateReactor(
    grpc::GenericCallbackServerContext* context
) {
  const std::lock_guard lock(mutex_);
  auto& seen = seen_[context->method()].emplace_back();
  for (const auto& [key, value] : context->client_metadata()) {
    seen.metadata.emplace(
        std::string(key.data(), key.size()), std::string(value.data(), value.size())
    );
  }
  seen.deadline = context->deadline();
  const auto script = scripts_.find(context->method());
  if (script != scripts_.end()) return new Call(*this, *context, context->method(), script->second);
  return new Call(*this, *context, context->method(), [](const std::string*, std::size_t) {
    return Reply::failed({grpc::StatusCode::UNIMPLEMENTED, "no script"});
  });
}

}  // namespace mecha::test
