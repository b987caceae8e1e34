#include "api/http/secrets.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "api/errors/common.hpp"
#include "api/http/proto_json.hpp"
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
  static constexpr ProtoField kMetadata{"metadata", "metadata"};
  static constexpr std::array kFields{ProtoField{"storeName", "store_name"}, ProtoField{"key", "key"}, kMetadata};
  MECHA_TRY(const auto message, read_proto_json(body, kFields));
  for (const auto& field : kFields) {
    const auto* value = find_field(message, field);
    const bool fits = value == nullptr || (field.camel == kMetadata.camel ? is_text_map(*value) : value->is_string());
    if (!fits) return invalid_field(field.camel);
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
