// Host: components that run in processes of their own are found and offered to the catalogue (contract 06, section 8).

#include "components/pluggable/discovery.hpp"
#include "runtime/daemon/host.hpp"

namespace mecha {
namespace {

constexpr std::string_view kVariable = "DAPR_COMPONENTS_SOCKETS_FOLDER";
constexpr std::string_view kScope = "pluggable-components-discovery";

}  // namespace

std::string Host::sockets_folder() const {
  auto folder = options_.variable(kVariable);
  return folder.empty() ? std::string(pluggable::kFolder) : std::move(folder);
}

// At the start: all of them. That something there is of no use is told and stops nothing.
Async<void> Host::discover() {
  auto found = pluggable::sockets(sockets_folder(), Log(sink_, std::string(kScope)));
  if (found) co_await offer(*std::move(found));
  else Log(sink_, std::string(kScope)).error("pluggable component discovery failed: " + found.error().message);
  co_return Result<void>{};
}

// Later: the socket of one type that a manifest names.
asio::awaitable<void> Host::look_for(std::string type) {
  const auto dot = type.find('.');
  if (dot == std::string::npos || !files_) co_return;
  const std::function<Result<std::vector<pluggable::Remote>>()> job =
      [folder = sockets_folder(), name = type.substr(dot + 1)] { return pluggable::sockets(folder, Log(), name); };
  auto found = co_await files_->call(job);
  if (found) co_await offer(*std::move(found));
}

asio::awaitable<void> Host::offer(std::vector<pluggable::Remote> found) {
  const Log log(sink_, std::string(kScope));
  for (auto& remote : found) {
    auto services = co_await pluggable::services(shards_, remote.socket);
    if (!services) {
      log.error("pluggable component '" + remote.name + "' was not registered: " + services.error().message);
      continue;
    }
    remote.services = *std::move(services);
    for (const auto& service : catalog_.offer(remote)) {
      log.info("pluggable component '" + remote.name + "' was successfully registered for '" + service + "'");
    }
  }
}

}  // namespace mecha
