// Name resolution: from an application id to the internal address of its sidecar, and how ours gets found
// (contract 06, section 6).

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "components/component.hpp"
#include "runtime/base/json.hpp"

namespace mecha::nameresolution {

struct Self {
  std::string app_id;
  std::string name_space;
  std::string host;              // address that others dial; IPv6 without brackets
  std::uint16_t internal_port = 0;
  std::uint16_t http_port = 0;
  std::uint16_t app_port = 0;    // of the application; 0: none
};

struct ResolveRequest {
  std::string id;
  std::string name_space;        // never empty
};

// start() registers `Self`, stop() takes it back. resolve() is called from any shard.
class Resolver : public Component {
 public:
  // "host:port" to dial. An empty text: nothing found, but ask again shortly. Errors carry the contract's text
  // ("no host found with the given ID").
  virtual Async<std::string> resolve(ResolveRequest request) = 0;
  // The address did not answer: whatever is cached for it should go.
  virtual void forget(const std::string& address) { (void)address; }
};

// `configuration` is spec.nameResolution.configuration. Errors name the key and the value.
using Factory = Result<std::unique_ptr<Resolver>> (*)(
    const json::Value& configuration, const Self& self, const ComponentContext& context
);

// Makes the resolver of that type. An empty type is what serves without configuration: the registry of this host, and mDNS
// beside it, unless the environment's MECHA_REGISTRY_DIR keeps the sidecars of one registry to themselves.
Result<std::unique_ptr<Resolver>> make_resolver(
    std::string_view type,
    std::string_view version,
    const json::Value& configuration,
    const Self& self,
    const ComponentContext& context
);
// The types that it knows.
std::vector<std::string> resolver_names();

Result<std::unique_ptr<Resolver>> make_registry(const json::Value&, const Self&, const ComponentContext&);
Result<std::unique_ptr<Resolver>> make_name_format(const json::Value&, const Self&, const ComponentContext&);
Result<std::unique_ptr<Resolver>> make_consul(const json::Value&, const Self&, const ComponentContext&);
Result<std::unique_ptr<Resolver>> make_kubernetes(const json::Value&, const Self&, const ComponentContext&);
Result<std::unique_ptr<Resolver>> make_mdns(const json::Value&, const Self&, const ComponentContext&);
Result<std::unique_ptr<Resolver>> make_unconfigured(const json::Value&, const Self&, const ComponentContext&);
Result<std::unique_ptr<Resolver>> make_sqlite(const json::Value&, const Self&, const ComponentContext&);

}  // namespace mecha::nameresolution
