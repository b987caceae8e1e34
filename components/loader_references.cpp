// ComponentLoader: references to secrets and to the environment (contract 02, section 7.5).

#include <ranges>
#include <utility>

#include "components/loader.hpp"

namespace mecha {

secrets::SecretStore* ComponentLoader::store(std::string_view name) const {
  for (const auto& entry : std::views::reverse(ready_)) {
    const auto& component = entry->loaded;
    if (component.spec->name == name) return dynamic_cast<secrets::SecretStore*>(component.instance.get());
  }
  return nullptr;
}

std::optional<std::string> ComponentLoader::variable(const std::string& name) const {
  if (!may_read(name, settings_.environment)) return std::nullopt;
  return unquote(settings_.environment(name).value_or(""));
}

// Item by item, in order. False: the component waits for its secret store. `failed`: a secret could not be had.
asio::awaitable<bool> ComponentLoader::resolve_values(ComponentSpec& spec, bool first, bool* failed) {
  std::map<std::string, secrets::SecretMap> known;
  for (auto& item : spec.metadata) {
    if (!item.has_value && !item.env.empty()) {
      if (auto value = variable(item.env)) {
        item.value = *std::move(value);
      } else if (first) {
        settings_.log.warn("Component " + spec.name + " references an env variable that isn't allowed: " + item.env);
      }
      continue;
    }
    if (!item.secret || item.secret->name.empty()) continue;
    if (spec.secret_store.empty() || store(spec.secret_store) == nullptr) {
      if (first) {
        settings_.log.warn("Component " + spec.name + " references a secret store that isn't loaded: " + spec.secret_store);
      }
      // Without the name of a store this item and all later ones stay as they are.
      co_return spec.secret_store.empty();
    }
    auto value = co_await read_secret(spec.secret_store, *item.secret, spec.name_space, known);
    if (value && !value->empty()) item.value = unquote(*std::move(value));
    if (!value && failed != nullptr) *failed = true;
  }
  co_return true;
}

// Empty if the store has no such entry, or fails, which is logged. `known` keeps what was fetched for this resource.
asio::awaitable<std::optional<std::string>> ComponentLoader::read_secret(
    std::string store_name, SecretRef ref, std::string name_space, std::map<std::string, secrets::SecretMap>& known
) {
  if (!known.contains(ref.name)) {
    auto* from = store(store_name);
    if (from == nullptr) co_return std::nullopt;
    Metadata metadata{{"namespace", std::move(name_space)}};
    const auto secret = co_await from->get(ref.name, std::move(metadata));
    if (!secret) {
      settings_.log.error(
          "Error getting secret " + ref.name + " from secret store " + store_name + ": " + secret.error().message
      );
    }
    known.emplace(ref.name, secret && secret->has_value() ? **secret : secrets::SecretMap{});
  }
  const auto& entries = known.at(ref.name);
  const auto entry = entries.find(ref.key.empty() ? ref.name : ref.key);
  co_return entry == entries.end() ? std::nullopt : std::optional<std::string>(entry->second);
}

Async<HttpEndpointSpec> ComponentLoader::resolve(HttpEndpointSpec endpoint) {
  std::map<std::string, secrets::SecretMap> known;
  std::vector<std::pair<std::string*, const SecretRef*>> wanted;
  for (auto& header : endpoint.headers) {
    if (!header.has_value && !header.env.empty() && may_read(header.env, settings_.environment)) {
      header.value = settings_.environment(header.env).value_or("");
    } else if (header.secret && !header.secret->name.empty()) {
      wanted.emplace_back(&header.value, &*header.secret);
    }
  }
  for (auto* pem : {&endpoint.root_ca, &endpoint.certificate, &endpoint.private_key}) {
    if (pem->secret && !pem->secret->name.empty()) wanted.emplace_back(&pem->value, &*pem->secret);
  }
  if (!wanted.empty() && store(endpoint.secret_store) == nullptr) {
    settings_.log.warn(
        "HTTPEndpoint " + endpoint.name + " references a secret store that isn't loaded: " + endpoint.secret_store
    );
    co_return endpoint;
  }
  for (const auto& [value, ref] : wanted) {
    auto secret = co_await read_secret(endpoint.secret_store, *ref, endpoint.name_space, known);
    if (secret && !secret->empty()) *value = unquote(*std::move(secret));
  }
  co_return endpoint;
}

}  // namespace mecha
