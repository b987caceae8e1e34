// What serves when nothing is configured: the registry of this host first, and mDNS beside it, so that sidecars of the
// reference in their default configuration find us and are found.

#include <cstdlib>
#include <memory>

#include "components/nameresolution/resolver.hpp"

namespace mecha::nameresolution {
namespace {

class Unconfigured final : public Resolver {
 public:
  Unconfigured(std::unique_ptr<Resolver> registry, std::unique_ptr<Resolver> mdns, Log log)
      : registry_(std::move(registry)), mdns_(std::move(mdns)), log_(std::move(log)) {}

  // A host without multicast, or with a name for an address, still has its registry.
  Async<void> start() override {
    MECHA_CO_TRY_VOID(co_await registry_->start());
    const auto started = co_await mdns_->start();
    if (started) co_return Result<void>{};
    log_.warn("name resolution goes by the registry of this host alone: " + started.error().message);
    (void)co_await mdns_->stop();
    mdns_.reset();
    co_return Result<void>{};
  }

  Async<void> stop() override {
    if (mdns_) (void)co_await mdns_->stop();
    co_return co_await registry_->stop();
  }

  Async<std::string> resolve(ResolveRequest request) override {
    auto found = co_await registry_->resolve(request);
    if (found || found.error().code != Code::not_found || !mdns_) co_return std::move(found);
    co_return co_await mdns_->resolve(std::move(request));
  }

  void forget(const std::string& address) override {
    registry_->forget(address);
    if (mdns_) mdns_->forget(address);
  }

 private:
  std::unique_ptr<Resolver> registry_, mdns_;
  Log log_;
};

}  // namespace

Result<std::unique_ptr<Resolver>> make_unconfigured(
    const json::Value& configuration, const Self& self, const ComponentContext& context
) {
  MECHA_TRY(auto registry, make_registry(configuration, self, context));
  const char* own = std::getenv("MECHA_REGISTRY_DIR");
  if (own != nullptr && *own != '\0') return registry;
  MECHA_TRY(auto mdns, make_mdns(configuration, self, context));
  return std::make_unique<Unconfigured>(std::move(registry), std::move(mdns), context.log);
}

}  // namespace mecha::nameresolution
