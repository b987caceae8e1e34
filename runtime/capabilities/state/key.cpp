#include "runtime/capabilities/state/key.hpp"

#include "runtime/base/text.hpp"

namespace mecha::state {
namespace {

constexpr std::string_view kPrefixItem = "keyPrefix";

std::string with_separator(std::string prefix) {
  prefix.append(kSeparator);
  return prefix;
}

}  // namespace

std::string key_prefix(
    const ComponentSpec& store, std::string_view app_id, std::string_view name_space
) {
  const auto item = store.value(kPrefixItem);
  const auto strategy = item ? text::lower(*item) : std::string("appid");
  if (strategy == "none") return {};
  if (strategy == "name") return with_separator(store.name);
  if (strategy != "appid" && strategy != "namespace") return with_separator(strategy);
  if (app_id.empty()) return {};
  std::string prefix;
  if (strategy == "namespace" && !name_space.empty()) prefix.append(name_space).append(".");
  return with_separator(std::move(prefix.append(app_id)));
}

std::string_view original_key(std::string_view full_key) {
  const auto first = full_key.find(kSeparator);
  if (first == std::string_view::npos) return full_key;
  const auto rest = full_key.substr(first + kSeparator.size());
  return rest.substr(0, rest.find(kSeparator));
}

Result<void> check_store_spec(const ComponentSpec& store) {
  if (const auto prefix = store.value(kPrefixItem); prefix && !legal_key(text::lower(*prefix))) {
    std::string message = "failed to save lock keyprefix: api error: code = InvalidArgument desc = ";
    message.append("input key/keyPrefix '").append(text::lower(*prefix)).append("' can't contain '||'");
    return fail(Code::invalid_argument, std::move(message));
  }
  return {};
}

}  // namespace mecha::state
