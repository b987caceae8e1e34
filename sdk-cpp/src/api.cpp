// What an implementation of the API answers for the calls that it does not override.

#include "mecha/client.h"

namespace mecha {
namespace {

template <class T>
Task<Result<T>> missing(const char* call) {
  return ready(Result<T>(fail(Code::unimplemented, std::string(call) + " is not implemented here"))
  );
}

class NoTopics final : public TopicStream {
 public:
  Task<Result<std::optional<TopicEvent>>> next() override {
    return missing<std::optional<TopicEvent>>("subscribe");
  }
  Task<Result<void>> answer(std::string, Verdict) override { return missing<void>("subscribe"); }
  void cancel() noexcept override {}
};

class NoConfiguration final : public ConfigurationStream {
 public:
  Task<Result<std::optional<ConfigurationItems>>> next() override {
    return missing<std::optional<ConfigurationItems>>("subscribe_configuration");
  }
  std::string id() const override { return {}; }
  void cancel() noexcept override {}
};

class NoBytes final : public ByteStream {
 public:
  Task<Result<void>> write(std::string) override { return missing<void>("encrypt and decrypt"); }
  Task<Result<void>> finish() override { return missing<void>("encrypt and decrypt"); }
  Task<Result<std::optional<std::string>>> read() override {
    return missing<std::optional<std::string>>("encrypt and decrypt");
  }
  void cancel() noexcept override {}
};

}  // namespace

Task<Result<StateValue>> StateApi::get_state(GetStateRequest, CallOptions) {
  return missing<StateValue>("get_state");
}
Task<Result<StateItems>> StateApi::get_bulk_state(GetBulkStateRequest, CallOptions) {
  return missing<StateItems>("get_bulk_state");
}
Task<Result<void>> StateApi::save_state(ChangeStateRequest, CallOptions) {
  return missing<void>("save_state");
}
Task<Result<void>> StateApi::delete_state(ChangeStateRequest, CallOptions) {
  return missing<void>("delete_state");
}
Task<Result<void>> StateApi::delete_bulk_state(ChangeStateRequest, CallOptions) {
  return missing<void>("delete_bulk_state");
}
Task<Result<void>> StateApi::transact_state(ChangeStateRequest, CallOptions) {
  return missing<void>("transact_state");
}
Task<Result<StateItems>> StateApi::query_state(QueryStateRequest, CallOptions) {
  return missing<StateItems>("query_state");
}

Task<Result<InvokeResponse>> InvokeApi::invoke(InvokeRequest, CallOptions) {
  return missing<InvokeResponse>("invoke");
}

Task<Result<void>> PublishApi::publish(PublishRequest, CallOptions) {
  return missing<void>("publish");
}
Task<Result<std::vector<FailedEntry>>> PublishApi::publish_bulk(BulkPublishRequest, CallOptions) {
  return missing<std::vector<FailedEntry>>("publish_bulk");
}
std::unique_ptr<TopicStream> SubscribeApi::subscribe(SubscribeRequest, CallOptions) {
  return std::make_unique<NoTopics>();
}

Task<Result<BindingResponse>> BindingApi::invoke_binding(BindingRequest, CallOptions) {
  return missing<BindingResponse>("invoke_binding");
}

Task<Result<Secret>> SecretApi::get_secret(GetSecretRequest, CallOptions) {
  return missing<Secret>("get_secret");
}
Task<Result<Secrets>> SecretApi::get_all_secrets(GetSecretRequest, CallOptions) {
  return missing<Secrets>("get_all_secrets");
}

Task<Result<ConfigurationItems>> ConfigurationApi::get_configuration(
    ConfigurationRequest, CallOptions
) {
  return missing<ConfigurationItems>("get_configuration");
}
std::unique_ptr<ConfigurationStream> ConfigurationApi::subscribe_configuration(
    ConfigurationRequest, CallOptions
) {
  return std::make_unique<NoConfiguration>();
}
Task<Result<void>> ConfigurationApi::unsubscribe_configuration(
    std::string, std::string, CallOptions
) {
  return missing<void>("unsubscribe_configuration");
}

Task<Result<bool>> LockApi::try_lock(LockRequest, CallOptions) { return missing<bool>("try_lock"); }
Task<Result<UnlockStatus>> LockApi::unlock(LockRequest, CallOptions) {
  return missing<UnlockStatus>("unlock");
}

std::unique_ptr<ByteStream> CryptoApi::encrypt(std::string, EncryptOptions, CallOptions) {
  return std::make_unique<NoBytes>();
}
std::unique_ptr<ByteStream> CryptoApi::decrypt(std::string, DecryptOptions, CallOptions) {
  return std::make_unique<NoBytes>();
}

Task<Result<std::string>> CryptoApi::subtle_get_key(std::string, std::string, KeyFormat, CallOptions) {
  return missing<std::string>("subtle_get_key");
}
Task<Result<Sealed>> CryptoApi::subtle_encrypt(SubtleRequest, CallOptions) {
  return missing<Sealed>("subtle_encrypt");
}
Task<Result<std::string>> CryptoApi::subtle_decrypt(SubtleRequest, CallOptions) {
  return missing<std::string>("subtle_decrypt");
}
Task<Result<Sealed>> CryptoApi::subtle_wrap_key(SubtleRequest, CallOptions) {
  return missing<Sealed>("subtle_wrap_key");
}
Task<Result<std::string>> CryptoApi::subtle_unwrap_key(SubtleRequest, CallOptions) {
  return missing<std::string>("subtle_unwrap_key");
}
Task<Result<std::string>> CryptoApi::subtle_sign(SubtleRequest, CallOptions) {
  return missing<std::string>("subtle_sign");
}
Task<Result<bool>> CryptoApi::subtle_verify(SubtleRequest, CallOptions) {
  return missing<bool>("subtle_verify");
}

Task<Result<SidecarInfo>> SidecarApi::get_metadata(CallOptions) {
  return missing<SidecarInfo>("get_metadata");
}
Task<Result<void>> SidecarApi::set_metadata(std::string, std::string, CallOptions) {
  return missing<void>("set_metadata");
}
Task<Result<void>> SidecarApi::wait_until_ready(std::chrono::milliseconds, CallOptions) {
  return missing<void>("wait_until_ready");
}
Task<Result<void>> SidecarApi::shutdown(CallOptions) { return missing<void>("shutdown"); }

}  // namespace mecha
