// The API over gRPC: one class per capability, joined in Remote. Each call makes one operation.
#pragma once

#include <memory>

#include "mecha/client.h"

namespace mecha::wire {

struct Core;

class Remote final : public Api {
 public:
  explicit Remote(std::shared_ptr<const Core> core) : core_(std::move(core)) {}

  Task<Result<StateValue>> get_state(GetStateRequest request, CallOptions options) override;
  Task<Result<StateItems>> get_bulk_state(GetBulkStateRequest request, CallOptions options)
      override;
  Task<Result<void>> save_state(ChangeStateRequest request, CallOptions options) override;
  Task<Result<void>> delete_state(ChangeStateRequest request, CallOptions options) override;
  Task<Result<void>> delete_bulk_state(ChangeStateRequest request, CallOptions options) override;
  Task<Result<void>> transact_state(ChangeStateRequest request, CallOptions options) override;
  Task<Result<StateItems>> query_state(QueryStateRequest request, CallOptions options) override;

  Task<Result<InvokeResponse>> invoke(InvokeRequest request, CallOptions options) override;

  Task<Result<void>> publish(PublishRequest request, CallOptions options) override;
  Task<Result<std::vector<FailedEntry>>> publish_bulk(
      BulkPublishRequest request, CallOptions options
  ) override;
  std::unique_ptr<TopicStream> subscribe(SubscribeRequest request, CallOptions options) override;

  Task<Result<BindingResponse>> invoke_binding(BindingRequest request, CallOptions options)
      override;

  Task<Result<Secret>> get_secret(GetSecretRequest request, CallOptions options) override;
  Task<Result<Secrets>> get_all_secrets(GetSecretRequest request, CallOptions options) override;

  Task<Result<ConfigurationItems>> get_configuration(
      ConfigurationRequest request, CallOptions options
  ) override;
  std::unique_ptr<ConfigurationStream> subscribe_configuration(
      ConfigurationRequest request, CallOptions options
  ) override;
  Task<Result<void>> unsubscribe_configuration(
      std::string store, std::string id, CallOptions options
  ) override;

  Task<Result<bool>> try_lock(LockRequest request, CallOptions options) override;
  Task<Result<UnlockStatus>> unlock(LockRequest request, CallOptions options) override;

  std::unique_ptr<ByteStream> encrypt(
      std::string provider, EncryptOptions encrypt, CallOptions options
  ) override;
  std::unique_ptr<ByteStream> decrypt(
      std::string provider, DecryptOptions decrypt, CallOptions options
  ) override;

  Task<Result<std::string>> subtle_get_key(
      std::string provider, std::string key, KeyFormat format, CallOptions options
  ) override;
  Task<Result<Sealed>> subtle_encrypt(SubtleRequest request, CallOptions options) override;
  Task<Result<std::string>> subtle_decrypt(SubtleRequest request, CallOptions options) override;
  Task<Result<Sealed>> subtle_wrap_key(SubtleRequest request, CallOptions options) override;
  Task<Result<std::string>> subtle_unwrap_key(SubtleRequest request, CallOptions options) override;
  Task<Result<std::string>> subtle_sign(SubtleRequest request, CallOptions options) override;
  Task<Result<bool>> subtle_verify(SubtleRequest request, CallOptions options) override;

  Task<Result<SidecarInfo>> get_metadata(CallOptions options) override;
  Task<Result<void>> set_metadata(std::string key, std::string value, CallOptions options) override;
  Task<Result<void>> wait_until_ready(std::chrono::milliseconds limit, CallOptions options)
      override;
  Task<Result<void>> shutdown(CallOptions options) override;

 private:
  std::shared_ptr<const Core> core_;
};

}  // namespace mecha::wire
