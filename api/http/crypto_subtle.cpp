#include "api/http/crypto_subtle.hpp"

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "api/errors/common.hpp"
#include "api/http/proto_json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::api {
namespace {

using crypto::Operation;
using crypto::SubtleKind;

struct Route {
  std::string_view path, name;
  SubtleKind kind;
  std::string_view answer;  // the member that holds the bytes
};
constexpr std::array kRoutes{
    Route{"encrypt", "SubtleEncrypt", SubtleKind::encrypt, "ciphertext"},
    Route{"decrypt", "SubtleDecrypt", SubtleKind::decrypt, "plaintext"},
    Route{"wrapkey", "SubtleWrapKey", SubtleKind::wrap_key, "wrappedKey"},
    Route{"unwrapkey", "SubtleUnwrapKey", SubtleKind::unwrap_key, "plaintextKey"},
    Route{"sign", "SubtleSign", SubtleKind::sign, "signature"},
    Route{"verify", "SubtleVerify", SubtleKind::verify, "valid"},
};

// Standard and URL alphabet, padded or not.
std::optional<std::string> from_any_base64(std::string_view text) {
  std::string standard(text);
  while (standard.ends_with('=')) standard.pop_back();
  for (auto& c : standard) {
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  return text::from_base64(standard, false);
}

struct Member {
  ProtoField field;
  std::string Operation::* target;
};
constexpr std::array kTexts{
    Member{{"algorithm", "algorithm"}, &Operation::algorithm},
    Member{{"keyName", "key_name"}, &Operation::key},
};
// An operation has one of the first five.
constexpr std::array kBytes{
    Member{{"plaintext", "plaintext"}, &Operation::data},
    Member{{"ciphertext", "ciphertext"}, &Operation::data},
    Member{{"plaintextKey", "plaintext_key"}, &Operation::data},
    Member{{"wrappedKey", "wrapped_key"}, &Operation::data},
    Member{{"digest", "digest"}, &Operation::data},
    Member{{"signature", "signature"}, &Operation::signature},
    Member{{"nonce", "nonce"}, &Operation::nonce},
    Member{{"tag", "tag"}, &Operation::tag},
    Member{{"associatedData", "associated_data"}, &Operation::associated_data},
};

constexpr ProtoField kComponent{"componentName", "component_name"}, kName{"name", "name"}, kFormat{"format", "format"};

Result<int> read_format(const json::Value& message) {
  const auto* value = find_field(message, kFormat);
  if (value == nullptr) return 0;
  if (value->is_string() && value->as_string() == "PEM") return 0;
  if (value->is_string() && value->as_string() == "JSON") return 1;
  const auto number = value->is_number() ? value->as_int() : std::nullopt;
  if (!number || *number < INT32_MIN || *number > INT32_MAX) return invalid_field("format");
  return static_cast<int>(*number);
}

Async<SubtleRequest> take_request(HttpRequest& request) {
  const auto body = co_await request.body();
  if (!body) co_return fail(errors::body_read(body.error().message));
  co_return read_subtle(*body);
}

asio::awaitable<void> get_key(crypto::CryptoCapability& capability, HttpRequest& request) {
  auto wanted = co_await take_request(request);
  if (!wanted) co_return co_await respond_error(request, wanted.error());
  const auto text = co_await capability.subtle_key(request.scope, request.parameter(0), wanted->name, wanted->format);
  if (!text) co_return co_await respond_error(request, text.error());
  json::Object answer;
  if (!wanted->name.empty()) answer["name"] = wanted->name;
  answer["publicKey"] = *text;
  co_await respond_json(request, 200, json::write(json::Value(std::move(answer))));
}

asio::awaitable<void> perform(crypto::CryptoCapability& capability, SubtleKind kind, HttpRequest& request) {
  auto wanted = co_await take_request(request);
  if (!wanted) co_return co_await respond_error(request, wanted.error());
  const auto answer = co_await capability.subtle(request.scope, kind, request.parameter(0), std::move(wanted->operation));
  if (!answer) co_return co_await respond_error(request, answer.error());
  co_await respond_json(request, 200, subtle_json(kind, *answer));
}

HttpRoute route(std::string_view path, std::string_view name, HttpHandler handler) {
  return {
      .methods = {"POST"},
      .pattern = "/v1.0-alpha1/subtlecrypto/{name}/" + std::string(path),
      .name = std::string(name),
      .group = "v1alpha1/subtlecrypto",
      .handler = std::move(handler),
  };
}

}  // namespace

Result<SubtleRequest> read_subtle(std::string_view body) {
  SubtleRequest request;
  std::vector<ProtoField> fields{kComponent, kName, kFormat};
  for (const auto& each : kTexts) fields.push_back(each.field);
  for (const auto& each : kBytes) fields.push_back(each.field);
  MECHA_TRY(const auto message, read_proto_json(body, fields));
  if (const auto* component = find_field(message, kComponent); component && !component->is_string()) return invalid_field(kComponent.camel);
  for (const auto& [field, target] : kTexts) {
    const auto* value = find_field(message, field);
    if (value == nullptr) continue;
    if (!value->is_string()) return invalid_field(field.camel);
    request.operation.*target = value->as_string();
  }
  for (const auto& [field, target] : kBytes) {
    const auto* value = find_field(message, field);
    if (value == nullptr) continue;
    auto bytes = value->is_string() ? from_any_base64(value->as_string()) : std::nullopt;
    if (!bytes) return invalid_field(field.camel);
    request.operation.*target = *std::move(bytes);
  }
  if (const auto* name = find_field(message, kName)) {
    if (!name->is_string()) return invalid_field("name");
    request.name = name->as_string();
  }
  MECHA_TRY(request.format, read_format(message));
  return request;
}

std::string subtle_json(SubtleKind kind, const crypto::SubtleAnswer& answer) {
  json::Object object;
  for (const auto& route : kRoutes) {
    if (route.kind != kind) continue;
    if (kind == SubtleKind::verify) {
      if (answer.is_valid) object["valid"] = true;
    } else if (!answer.data.empty()) {
      object[std::string(route.answer)] = text::base64(answer.data);
    }
  }
  if (!answer.tag.empty()) object["tag"] = text::base64(answer.tag);
  return json::write(json::Value(std::move(object)));
}

std::vector<HttpRoute> subtle_routes(crypto::CryptoCapability& capability) {
  std::vector<HttpRoute> routes;
  routes.push_back(route("getkey", "SubtleGetKey", [&capability](HttpRequest& request) {
    return get_key(capability, request);
  }));
  for (const auto& each : kRoutes) {
    routes.push_back(route(each.path, each.name, [&capability, kind = each.kind](HttpRequest& request) {
      return perform(capability, kind, request);
    }));
  }
  return routes;
}

}  // namespace mecha::api
