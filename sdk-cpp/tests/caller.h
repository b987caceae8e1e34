// The sidecar's part for tests of a service: a raw client of what the application serves.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "dapr/proto/runtime/v1/appcallback.grpc.pb.h"
#include "mecha/service.h"

namespace mecha::test {

namespace v1 = dapr::proto::runtime::v1;
namespace common = dapr::proto::common::v1;

/// Opens once, for any number of threads that wait. A wait that takes too long ends the test.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// False after half a minute.
  bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

/// `most` is no less than `seen`, whoever else says so of another number at the same time.
inline void at_least(std::atomic<int>& most, int seen) {
  for (int before = most; before < seen && !most.compare_exchange_weak(before, seen);) {
  }
}

/// The lines that a service logs.
class Log {
 public:
  void add(std::string_view line) {
    const std::lock_guard lock(mutex_);
    text_ += std::string(line) + "\n";
  }
  bool has(const std::string& part) const {
    const std::lock_guard lock(mutex_);
    return text_.find(part) != std::string::npos;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

/// Options of a service under test: any free port, no token, nothing to the standard error.
inline ServiceOptions quiet(std::shared_ptr<Log> log = nullptr) {
  ServiceOptions options;
  options.port = 0;
  options.app_token = "";
  options.log = [log](std::string_view line) {
    if (log) log->add(line);
  };
  return options;
}

/// Calls one service.
class Caller {
 public:
  explicit Caller(const Service& service, Metadata metadata = {})
      : metadata_(std::move(metadata)),
        channel_(grpc::CreateChannel(
            "127.0.0.1:" + std::to_string(service.port()), grpc::InsecureChannelCredentials()
        )),
        app_(v1::AppCallback::NewStub(channel_)),
        alpha_(v1::AppCallbackAlpha::NewStub(channel_)),
        health_(v1::AppCallbackHealthCheck::NewStub(channel_)) {}

  struct Answer {
    grpc::Status status;
    std::string data;
    std::string content_type;
    Metadata headers;
  };

  Answer invoke(const std::string& method, const std::string& data, const std::string& verb = "") {
    common::InvokeRequest request;
    request.set_method(method);
    request.mutable_data()->set_value(data);
    common::HTTPExtension::Verb number{};
    if (common::HTTPExtension_Verb_Parse(verb, &number)) {
      request.mutable_http_extension()->set_verb(number);
      request.mutable_http_extension()->set_querystring("a=1");
    }
    common::InvokeResponse response;
    const auto call = context();
    Answer answer;
    answer.status = app_->OnInvoke(call.get(), request, &response);
    answer.data = response.data().value();
    answer.content_type = response.content_type();
    for (const auto& [key, value] : call->GetServerInitialMetadata())
      answer.headers.emplace(
          std::string(key.data(), key.size()), std::string(value.data(), value.size())
      );
    return answer;
  }

  /// The number of the verdict, or minus the number of the error.
  int topic(const std::string& topic, const std::string& data, const std::string& path = "") {
    v1::TopicEventRequest request;
    request.set_id("id");
    request.set_pubsub_name("bus");
    request.set_topic(topic);
    request.set_path(path);
    request.set_data(data);
    (*request.mutable_extensions()->mutable_fields())["traceparent"].set_string_value("00-envelope"
    );
    v1::TopicEventResponse response;
    const auto status = app_->OnTopicEvent(context().get(), request, &response);
    return status.ok() ? response.status() : -status.error_code();
  }

  std::unique_ptr<grpc::ClientContext> context() const {
    auto to = std::make_unique<grpc::ClientContext>();
    to->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    for (const auto& [key, value] : metadata_) to->AddMetadata(key, value);
    return to;
  }

  v1::AppCallback::Stub& app() { return *app_; }
  v1::AppCallbackAlpha::Stub& alpha() { return *alpha_; }
  v1::AppCallbackHealthCheck::Stub& health() { return *health_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  Metadata metadata_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::AppCallback::Stub> app_;
  std::unique_ptr<v1::AppCallbackAlpha::Stub> alpha_;
  std::unique_ptr<v1::AppCallbackHealthCheck::Stub> health_;
};

}  // namespace mecha::test
