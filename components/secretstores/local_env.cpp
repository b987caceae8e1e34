// Secrets of the process's environment. The runtime's own variables stay hidden.

#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

#include "components/catalog.hpp"
#include "components/secretstores/secret_store.hpp"
#include "runtime/base/text.hpp"

namespace mecha::secrets {
namespace {

struct LocalEnvSettings {
  std::string prefix;
  static constexpr auto fields() {
    return std::tuple{field("prefix", &LocalEnvSettings::prefix, "Put before each name; exact case.")};
  }
};

bool hidden(std::string_view variable) {
  const auto name = text::upper(variable);
  return name == "APP_API_TOKEN" || name.starts_with("DAPR_");
}

class LocalEnvStore final : public SecretStore {
 public:
  using Settings = LocalEnvSettings;
  static constexpr ComponentInfo info{"secretstores.local.env", "v1", "Variables of the environment."};

  LocalEnvStore(Settings settings, const ComponentContext& context) : prefix_(std::move(settings.prefix)), log_(context.log) {}

  // A variable that is not set is empty, as the contract has it.
  Async<std::optional<SecretMap>> get(std::string name, Metadata) override {
    const std::string variable = prefix_ + name;
    std::string value;
    if (hidden(variable)) {
      log_.warn("Access to env var " + variable + " is forbidden");
    } else if (const char* text = std::getenv(variable.c_str())) {
      value = text;
    }
    co_return SecretMap{{std::move(name), std::move(value)}};
  }

  Async<SecretMaps> bulk_get(Metadata) override {
    SecretMaps all;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
      const std::string_view line(*entry);
      const auto equals = line.find('=');
      const auto variable = line.substr(0, equals);
      if (equals == std::string_view::npos || !variable.starts_with(prefix_) || hidden(variable)) continue;
      std::string name(variable.substr(prefix_.size()));
      if (name.empty()) continue;
      SecretMap one{{name, std::string(line.substr(equals + 1))}};
      all.insert_or_assign(std::move(name), std::move(one));
    }
    co_return all;
  }

 private:
  const std::string prefix_;
  const Log log_;
};

}  // namespace

void register_local_env(Catalog& catalog) { catalog.add<LocalEnvStore>(); }

}  // namespace mecha::secrets
