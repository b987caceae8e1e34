// Configuration over the wire, and its stream of changes.

#include "mecha/configuration.h"

#include <utility>

#include "src/duplex.h"
#include "src/remote.h"

namespace mecha::wire {
namespace {

template <class Map>
ConfigurationItems take_items(Map& from) {
  ConfigurationItems to;
  for (auto& [key, item] : from) {
    to.emplace(
        key,
        ConfigurationItem{
            std::move(*item.mutable_value()),
            std::move(*item.mutable_version()),
            take_map(*item.mutable_metadata())
        }
    );
  }
  return to;
}

Result<ConfigurationItems>
items_of(v1::GetConfigurationResponse& answer, const grpc::ClientContext&) {
  return take_items(*answer.mutable_items());
}

Result<void>
unsubscribed(v1::UnsubscribeConfigurationResponse& answer, const grpc::ClientContext&) {
  if (!answer.ok()) return fail(Code::not_found, std::move(*answer.mutable_message()));
  return {};
}

using Changed = Checked<v1::SubscribeConfigurationResponse>;
using Changes = ReadSide<grpc::ClientReadReactor<Changed>, v1::SubscribeConfigurationResponse>;

class ChangesCall final : public Changes {
 public:
  ChangesCall(std::shared_ptr<const Core> core, ConfigurationRequest request, CallOptions options)
      : Changes(std::move(core), std::move(options)) {
    request_.set_store_name(std::move(request.store));
    for (auto& key : request.keys) request_.add_keys(std::move(key));
    fill(*request_.mutable_metadata(), std::move(request.metadata));
  }

 private:
  void call() override {
    grpc::internal::ClientCallbackReaderFactory<Changed>::Create(
        core_->channel.get(), core_->method(Rpc::SubscribeConfiguration), &call_, &request_, this
    );
  }
  bool limits_stream() const override { return false; }
  std::optional<Error> problem() const override { return text_problem(request_); }

  v1::SubscribeConfigurationRequest request_;
};

class RemoteConfiguration final : public ConfigurationStream {
 public:
  RemoteConfiguration(
      std::shared_ptr<const Core> core, ConfigurationRequest request, CallOptions options
  )
      : call_(std::make_shared<ChangesCall>(std::move(core), std::move(request), std::move(options))
        ) {}
  ~RemoteConfiguration() override { call_->cancel(); }

  // The first message carries the id alone.
  Task<Result<std::optional<ConfigurationItems>>> next() override {
    for (;;) {
      auto message = co_await call_->read();
      call_->consented();
      if (!message) co_return std::move(message).error();
      if (!*message) co_return std::optional<ConfigurationItems>();
      if (id_.empty()) id_ = (*message)->id();
      if ((*message)->items_size() > 0) co_return take_items(*(*message)->mutable_items());
    }
  }
  std::string id() const override { return id_; }
  void cancel() noexcept override { call_->cancel(); }

 private:
  std::shared_ptr<ChangesCall> call_;
  std::string id_;
};

}  // namespace

Task<Result<ConfigurationItems>> Remote::get_configuration(
    ConfigurationRequest request, CallOptions options
) {
  auto* call = make_unary<ConfigurationItems>(
      core_,
      MECHA_METHOD(GetConfiguration, v1::GetConfigurationRequest, v1::GetConfigurationResponse),
      &items_of,
      std::move(options)
  );
  call->request.set_store_name(std::move(request.store));
  for (auto& key : request.keys) call->request.add_keys(std::move(key));
  fill(*call->request.mutable_metadata(), std::move(request.metadata));
  return detail::TaskAccess::make(call);
}

std::unique_ptr<ConfigurationStream> Remote::subscribe_configuration(
    ConfigurationRequest request, CallOptions options
) {
  return std::make_unique<RemoteConfiguration>(core_, std::move(request), std::move(options));
}

Task<Result<void>> Remote::unsubscribe_configuration(
    std::string store, std::string id, CallOptions options
) {
  auto* call = make_unary<void>(
      core_,
      MECHA_METHOD(
          UnsubscribeConfiguration,
          v1::UnsubscribeConfigurationRequest,
          v1::UnsubscribeConfigurationResponse
      ),
      &unsubscribed,
      std::move(options)
  );
  call->request.set_store_name(std::move(store));
  call->request.set_id(std::move(id));
  return detail::TaskAccess::make(call);
}

}  // namespace mecha::wire
