#include "api/http/lock.hpp"

#include <array>
#include <limits>
#include <span>

#include "api/errors/common.hpp"
#include "api/http/proto_json.hpp"

namespace mecha::api {
namespace {

constexpr ProtoField kStore{"storeName", "store_name"}, kResource{"resourceId", "resource_id"}, kOwner{"lockOwner", "lock_owner"},
    kExpiry{"expiryInSeconds", "expiry_in_seconds"};
constexpr std::array kFields{kStore, kResource, kOwner, kExpiry};

Result<std::string> read_text(const json::Value& message, const ProtoField& field) {
  const auto* value = find_field(message, field);
  if (value == nullptr) return std::string();
  if (!value->is_string()) return invalid_field(field.camel);
  return value->as_string();
}

// The path names the store, whatever the body says, which yet must say it rightly.
Result<json::Value> read_message(std::string_view body, std::span<const ProtoField> fields) {
  MECHA_TRY(auto message, read_proto_json(body, fields));
  MECHA_TRY_VOID(read_text(message, kStore));
  return message;
}

// A number may stand in a text.
Result<std::int32_t> read_int32(const json::Value& message, const ProtoField& field) {
  const auto* value = find_field(message, field);
  if (value == nullptr) return 0;
  std::optional<std::int64_t> number;
  if (value->is_number()) number = value->as_int();
  if (value->is_string()) {
    const auto& text = value->as_string();
    const auto inner = json::parse(text, true);
    if (inner && inner->is_number() && inner->number_text().size() == text.size()) number = inner->as_int();
  }
  using Limits = std::numeric_limits<std::int32_t>;
  if (!number || *number < Limits::min() || *number > Limits::max()) return invalid_field(field.camel);
  return static_cast<std::int32_t>(*number);
}

asio::awaitable<void> try_lock(lock::LockCapability& capability, HttpRequest& request) {
  const auto body = co_await request.body();
  if (!body) co_return co_await respond_error(request, errors::body_read(body.error().message));
  auto wanted = read_try_lock(*body);
  if (!wanted) co_return co_await respond_error(request, wanted.error());
  wanted->store = request.parameter(0);
  const auto taken = co_await capability.try_lock(request.scope, *std::move(wanted));
  if (!taken) co_return co_await respond_error(request, taken.error());
  co_await respond_json(request, 200, *taken ? R"({"success":true})" : R"({"success":false})");
}

asio::awaitable<void> unlock(lock::LockCapability& capability, HttpRequest& request) {
  const auto body = co_await request.body();
  if (!body) co_return co_await respond_error(request, errors::body_read(body.error().message));
  auto wanted = read_unlock(*body);
  if (!wanted) co_return co_await respond_error(request, wanted.error());
  wanted->store = request.parameter(0);
  const auto status = co_await capability.unlock(request.scope, *std::move(wanted));
  if (!status) co_return co_await respond_error(request, status.error());
  co_await respond_json(request, 200, "{\"status\":" + std::to_string(static_cast<int>(*status)) + "}");
}

}  // namespace

Result<lock::TryRequest> read_try_lock(std::string_view body) {
  MECHA_TRY(const auto message, read_message(body, kFields));
  lock::TryRequest request;
  MECHA_TRY(request.resource_id, read_text(message, kResource));
  MECHA_TRY(request.owner, read_text(message, kOwner));
  MECHA_TRY(request.expiry_seconds, read_int32(message, kExpiry));
  return request;
}

Result<lock::ReleaseRequest> read_unlock(std::string_view body) {
  MECHA_TRY(const auto message, read_message(body, std::span(kFields).first(3)));
  lock::ReleaseRequest request;
  MECHA_TRY(request.resource_id, read_text(message, kResource));
  MECHA_TRY(request.owner, read_text(message, kOwner));
  return request;
}

std::vector<HttpRoute> lock_routes(lock::LockCapability& capability) {
  return {
      {.methods = {"POST"},
       .pattern = "/v1.0-alpha1/lock/{storeName}",
       .name = "TryLock",
       .group = "v1alpha1/lock",
       .handler = [&capability](HttpRequest& request) { return try_lock(capability, request); }},
      {.methods = {"POST"},
       .pattern = "/v1.0-alpha1/unlock/{storeName}",
       .name = "Unlock",
       .group = "v1alpha1/unlock",
       .handler = [&capability](HttpRequest& request) { return unlock(capability, request); }},
  };
}

}  // namespace mecha::api
