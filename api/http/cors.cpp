#include "api/http/cors.hpp"

#include <array>

#include "runtime/base/text.hpp"

namespace mecha::api {
namespace {

constexpr std::array<std::string_view, 7> kMethods{
    "HEAD", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

bool matches(std::string_view pattern, std::string_view origin) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == origin;
  const auto head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  return origin.size() >= head.size() + tail.size() && origin.starts_with(head) && origin.ends_with(tail);
}

std::string canonical_list(std::string_view list) {
  std::vector<std::string> names;
  for (const auto name : text::split(list, ',')) {
    const auto trimmed = text::trim(name);
    if (!trimmed.empty()) names.push_back(text::canonical_header(trimmed));
  }
  return text::join(names, ", ");
}

}  // namespace

Cors::Cors(std::string_view allowed_origins) {
  for (const auto origin : text::split(allowed_origins, ',')) {
    any_ = any_ || origin == "*";
    origins_.push_back(text::lower(origin));
  }
}

bool Cors::allows(std::string_view origin) const {
  if (any_) return true;
  const auto wanted = text::lower(origin);
  for (const auto& pattern : origins_) {
    if (matches(pattern, wanted)) return true;
  }
  return false;
}

std::optional<net::ResponseHead> Cors::preflight(const net::RequestHead& request) const {
  const auto wanted = request.headers.value_or("access-control-request-method");
  if (request.method != "OPTIONS" || wanted.empty()) return std::nullopt;
  net::ResponseHead head{.status = 200};
  head.headers.add("Vary", "Origin");
  head.headers.add("Vary", "Access-Control-Request-Method");
  head.headers.add("Vary", "Access-Control-Request-Headers");
  const auto origin = request.headers.value_or("origin");
  if (origin.empty() || !allows(origin)) return head;
  const auto method = text::upper(wanted);
  bool known = false;
  for (const auto allowed : kMethods) known = known || allowed == method;
  if (!known) return head;
  head.headers.add("Access-Control-Allow-Origin", echo(origin));
  head.headers.add("Access-Control-Allow-Methods", method);
  const auto names = canonical_list(request.headers.value_or("access-control-request-headers"));
  if (!names.empty()) head.headers.add("Access-Control-Allow-Headers", names);
  return head;
}

net::Headers Cors::headers(const net::RequestHead& request) const {
  net::Headers headers{{"Vary", "Origin"}};
  const auto origin = request.headers.value_or("origin");
  const auto method = text::upper(request.method);
  bool known = false;
  for (const auto allowed : kMethods) known = known || allowed == method;
  if (!origin.empty() && known && allows(origin)) {
    headers.add("Access-Control-Allow-Origin", echo(origin));
  }
  return headers;
}

}  // namespace mecha::api
