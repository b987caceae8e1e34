#include "runtime/app/metadata_headers.hpp"

#include <algorithm>

#include "runtime/app/invoke.hpp"

namespace mecha {

Result<void> add_metadata_headers(net::Headers& headers, const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    auto name = text::lower(key);
    if (is_hop_by_hop(name) || name == "content-type" || name == "host" || name.ends_with("-bin"))
      continue;
    if (!text::is_token(name))
      return fail(Code::invalid_argument, "invalid header field name " + text::quote(key));
    if (!text::is_field_value(value)) {
      return fail(Code::invalid_argument, "invalid header field value for " + text::quote(key));
    }
    if (name.starts_with("grpc-")) name.insert(0, "dapr-");
    headers.set(name, value);
  }
  return {};
}

std::string request_target(std::string_view route) {
  const auto mark = std::min(route.find('?'), route.size());
  const auto path = text::clean_path("/" + std::string(route.substr(0, mark)));
  return text::escape(path, "/%:@!$&'()*+,;=~") +
         text::escape(route.substr(mark), "/%:@!$&'()*+,;=~?");
}

}  // namespace mecha
