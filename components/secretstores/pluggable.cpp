// Secret store in a process of its own (contract 06, section 8; 04b).

#include <mutex>

#include "components/catalog.hpp"
#include "components/pluggable/messages.hpp"
#include "components/secretstores/secret_store.hpp"
#include "dapr/proto/components/v1/secretstore.pb.h"

namespace mecha::secrets {
namespace {

namespace proto = dapr::proto::components::v1;
using pluggable::ask;
using pluggable::Link;

class PluggableStore final : public SecretStore {
 public:
  PluggableStore(const ComponentSpec& spec, const ComponentContext& context, const pluggable::Remote& remote)
      : properties_(pluggable::properties(spec)),
        link_(std::make_shared<Link>(context, remote, [this](Link& link) { return greet(link); })) {}

  Async<void> start() override { return link_->start(); }
  Async<void> stop() override {
    co_await link_->stop();
    co_return Result<void>{};
  }
  std::vector<std::string> features() const override {
    const std::lock_guard lock(mutex_);
    return features_;
  }

  Async<std::optional<SecretMap>> get(std::string name, Metadata metadata) override {
    proto::GetSecretRequest message;
    message.set_key(name);
    pluggable::fill(*message.mutable_metadata(), metadata);
    MECHA_CO_TRY(const auto answer, co_await ask<proto::GetSecretResponse>(*link_, "SecretStore/Get", std::move(message)));
    co_return pluggable::texts(answer.data());
  }

  Async<SecretMaps> bulk_get(Metadata metadata) override {
    proto::BulkGetSecretRequest message;
    pluggable::fill(*message.mutable_metadata(), metadata);
    MECHA_CO_TRY(const auto answer, co_await ask<proto::BulkGetSecretResponse>(*link_, "SecretStore/BulkGet", std::move(message)));
    SecretMaps all;
    for (const auto& [name, secret] : answer.data()) all.emplace(name, pluggable::texts(secret.secrets()));
    co_return all;
  }

 private:
  Async<void> greet(Link& link) {
    proto::SecretStoreInitRequest init;
    pluggable::fill(*init.mutable_metadata()->mutable_properties(), properties_);
    MECHA_CO_TRY_VOID(co_await pluggable::greet<proto::SecretStoreInitResponse>(link, "SecretStore/Init", std::move(init)));
    MECHA_CO_TRY(
        const auto answer, co_await pluggable::greet<proto::FeaturesResponse>(link, "SecretStore/Features", proto::FeaturesRequest())
    );
    const std::lock_guard lock(mutex_);
    features_.assign(answer.features().begin(), answer.features().end());
    co_return Result<void>{};
  }

  const std::map<std::string, std::string> properties_;
  mutable std::mutex mutex_;  // of features_, which another process of the component may change
  std::vector<std::string> features_;
  const std::shared_ptr<Link> link_;
};

}  // namespace

void register_pluggable(Catalog& catalog) { catalog.add_remote<PluggableStore>("secretstores", {"SecretStore"}); }

}  // namespace mecha::secrets
