#include "api/http/secrets.hpp"

#include <algorithm>
#include <utility>

#include "api/errors/common.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::api {
namespace {

bool is_text_map(const json::Value& value) {
  return value.is_object() &&
         std::ranges::all_of(value.as_object(), [](const auto& member) { return member.second.is_string(); });
}

// Reads the body and checks it; the path and the query are the request, whatever the body says.
Async<void> take_body(HttpRequest& request) {
  auto body = co_await request.body();
  if (!body) co_return fail(errors::body_read(body.error().message));
  co_return check_secret_body(*body);
}

asio::awaitable<void> get_secret(secrets::SecretsCapability& capability, HttpRequest& request) {
  if (const auto body = co_await take_body(request); !body) co_return co_await respond_error(request, body.error());
  secrets::GetRequest wanted{request.parameter(0), request.parameter(1), request.metadata()};
  const auto secret = co_await capability.get(request.scope, std::move(wanted));
  if (!secret) co_return co_await respond_error(request, secret.error());
  if (!secret->has_value()) co_return co_await respond_empty(request);
  co_await respond_json(request, 200, secret_json(**secret));
}

asio::awaitable<void> get_bulk(secrets::SecretsCapability& capability, HttpRequest& request) {
  if (const auto body = co_await take_body(request); !body) co_return co_await respond_error(request, body.error());
  secrets::BulkGetRequest wanted{request.parameter(0), request.metadata()};
  const auto all = co_await capability.bulk_get(request.scope, std::move(wanted));
  if (!all) co_return co_await respond_error(request, all.error());
  co_await respond_json(request, 200, secrets_json(*all));
}

}  // namespace

std::string secret_json(const secrets::SecretMap& secret) {
  std::string out;
  json::write_texts(out, secret);
  return out + "\n";
}

std::string secrets_json(const secrets::SecretMaps& all) {
  std::string out = "{";
  for (bool first = true; const auto& [name, secret] : all) {
    if (!std::exchange(first, false)) out += ',';
    json::write_string(out, name);
    out += ':';
    json::write_texts(out, secret);
  }
  return out + "}\n";
}

Result<void> check_secret_body(const std::string& body) {
  if (body.empty()) return {};
  const auto value = json::parse(body, true);
  if (!value) return fail(errors::malformed_request("proto: syntax error: " + value.error().message));
  if (!value->is_object()) return fail(errors::malformed_request("proto: syntax error: unexpected token"));
  for (const auto& [name, member] : value->as_object()) {
    const bool is_text = name == "storeName" || name == "store_name" || name == "key";
    if (member.is_null() || (is_text && member.is_string())) continue;
    if (is_text || (name == "metadata" && !is_text_map(member))) {
      return fail(errors::malformed_request("proto: invalid value for field " + name));
    }
  }
  return {};
}

std::vector<HttpRoute> secrets_routes(secrets::SecretsCapability& capability) {
  return {
      {.methods = {"GET"},
       .pattern = "/v1.0/secrets/{secretStoreName}/bulk",
       .name = "GetBulkSecret",
       .group = "v1/secrets",
       .handler = [&capability](HttpRequest& request) { return get_bulk(capability, request); }},
      {.methods = {"GET"},
       .pattern = "/v1.0/secrets/{secretStoreName}/{key}",
       .name = "GetSecret",
       .group = "v1/secrets",
       .handler = [&capability](HttpRequest& request) { return get_secret(capability, request); }},
  };
}

}  // namespace mecha::api
