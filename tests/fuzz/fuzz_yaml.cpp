// Resource documents and configurations from any bytes: no crash, no endless work, and what is accepted keeps its promises.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/base/check.hpp"
#include "runtime/resources/loader.hpp"
#include "runtime/resources/yaml.hpp"

using namespace mecha;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 64 << 10) return 0;
  const std::string text(reinterpret_cast<const char*>(data), size);

  loading::Batch batch;
  loading::read_file(text, "fuzz.yaml", batch);
  const auto resources = loading::settle(std::move(batch), {.app_id = "app", .name_space = "ns"});
  if (resources) {
    for (const auto& component : resources->components) {
      MECHA_CHECK(!component.name.empty());
      MECHA_CHECK(component.name.find_first_of("/%") == std::string::npos);
    }
    for (const auto& resiliency : resources->resiliencies) {
      for (const auto& [name, retry] : resiliency.retries) {
        for (const auto& [low, high] : retry.http_codes) MECHA_CHECK(100 <= low && low <= high && high <= 599);
      }
    }
  }

  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    return name == "A" ? std::optional<std::string>("value") : std::nullopt;
  };
  std::vector<Notice> notices;
  (void)loading::read_configurations({{"fuzz.yaml", text}}, environment, notices);
  (void)unquote(text);
  (void)fill_templates("item", text, {.app_id = "app", .name_space = "ns", .pod_name = "pod"});
  return 0;
}
