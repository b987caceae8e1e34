#include "runtime/app/status_json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <span>

#include "api/errors/common.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"

namespace mecha {
namespace {

enum class Kind : std::uint8_t { text, bytes, boolean, int32, int64, uint64, texts, map, duration, message, messages };

struct Shape;

struct Item {
  std::uint32_t field;
  const char* name;
  Kind kind = Kind::text;
  const Shape* shape = nullptr;  // of message and messages
};

struct Shape {
  const char* name;
  std::span<const Item> items;
};

constexpr Item kLocalized[]{{1, "locale"}, {2, "message"}};
constexpr Shape kLocalizedMessage{"google.rpc.LocalizedMessage", kLocalized};
constexpr Item kQuota[]{
    {1, "subject"}, {2, "description"}, {3, "apiService"}, {4, "quotaMetric"}, {5, "quotaId"},
    {6, "quotaDimensions", Kind::map}, {7, "quotaValue", Kind::int64}, {8, "futureQuotaValue", Kind::int64}};
constexpr Shape kQuotaViolation{"", kQuota};
constexpr Item kPrecondition[]{{1, "type"}, {2, "subject"}, {3, "description"}};
constexpr Shape kPreconditionViolation{"", kPrecondition};
constexpr Item kField[]{{1, "field"}, {2, "description"}, {3, "reason"}, {4, "localizedMessage", Kind::message, &kLocalizedMessage}};
constexpr Shape kFieldViolation{"", kField};
constexpr Item kLink[]{{1, "description"}, {2, "url"}};
constexpr Shape kHelpLink{"", kLink};

constexpr Item kErrorInfo[]{{1, "reason"}, {2, "domain"}, {3, "metadata", Kind::map}};
constexpr Item kRetryInfo[]{{1, "retryDelay", Kind::duration}};
constexpr Item kDebugInfo[]{{1, "stackEntries", Kind::texts}, {2, "detail"}};
constexpr Item kQuotaFailure[]{{1, "violations", Kind::messages, &kQuotaViolation}};
constexpr Item kPreconditionFailure[]{{1, "violations", Kind::messages, &kPreconditionViolation}};
constexpr Item kBadRequest[]{{1, "fieldViolations", Kind::messages, &kFieldViolation}};
constexpr Item kRequestInfo[]{{1, "requestId"}, {2, "servingData"}};
constexpr Item kResourceInfo[]{{1, "resourceType"}, {2, "resourceName"}, {3, "owner"}, {4, "description"}};
constexpr Item kHelp[]{{1, "links", Kind::messages, &kHelpLink}};
// The wrappers state their value even where it is the default.
constexpr Item kText[]{{1, "value"}};
constexpr Item kBytes[]{{1, "value", Kind::bytes}};
constexpr Item kBool[]{{1, "value", Kind::boolean}};
constexpr Item kInt32[]{{1, "value", Kind::int32}};
constexpr Item kInt64[]{{1, "value", Kind::int64}};
constexpr Item kUint64[]{{1, "value", Kind::uint64}};

constexpr Shape kShapes[]{
    {"google.rpc.ErrorInfo", kErrorInfo}, {"google.rpc.RetryInfo", kRetryInfo}, {"google.rpc.DebugInfo", kDebugInfo},
    {"google.rpc.QuotaFailure", kQuotaFailure}, {"google.rpc.PreconditionFailure", kPreconditionFailure},
    {"google.rpc.BadRequest", kBadRequest}, {"google.rpc.RequestInfo", kRequestInfo}, {"google.rpc.ResourceInfo", kResourceInfo},
    {"google.rpc.Help", kHelp}, {"google.rpc.LocalizedMessage", kLocalized}};
constexpr Shape kWrappers[]{
    {"google.protobuf.StringValue", kText}, {"google.protobuf.BytesValue", kBytes}, {"google.protobuf.BoolValue", kBool},
    {"google.protobuf.Int32Value", kInt32}, {"google.protobuf.Int64Value", kInt64}, {"google.protobuf.UInt64Value", kUint64}};

// An Any, or an entry of a map: both are two texts.
bool read_pair(std::string_view bytes, std::string& first, std::string& second) {
  wire::Reader field(bytes);
  while (field.next()) {
    if (field.field() == 1) first = field.text();
    if (field.field() == 2) second = field.text();
  }
  return field.ok();
}

// "1.500s": none, three, six or nine digits.
bool read_duration(std::string_view bytes, std::string& out) {
  std::int64_t seconds = 0, nanos = 0;
  wire::Reader field(bytes);
  while (field.next()) {
    if (field.field() == 1) seconds = static_cast<std::int64_t>(field.number());
    if (field.field() == 2) nanos = static_cast<std::int64_t>(field.number());
  }
  const bool negative = seconds < 0 || nanos < 0;
  if (nanos <= -1'000'000'000 || nanos >= 1'000'000'000 || (seconds > 0 && nanos < 0) || (seconds < 0 && nanos > 0)) return false;
  if (seconds < -315'576'000'000 || seconds > 315'576'000'000) return false;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%s%lld.%09lld", negative ? "-" : "", static_cast<long long>(std::abs(seconds)), static_cast<long long>(std::abs(nanos)));
  out = text.data();
  while (out.ends_with("000")) out.resize(out.size() - 3);
  if (out.ends_with('.')) out.pop_back();
  out += 's';
  return field.ok();
}

json::Value zero_of(Kind kind) {
  switch (kind) {
    case Kind::boolean: return false;
    case Kind::int32: return 0;
    case Kind::int64:
    case Kind::uint64: return std::string("0");
    default: return std::string();
  }
}

bool read_message(std::string_view bytes, std::span<const Item> items, json::Object& out);

bool read_item(const wire::Reader& field, const Item& item, json::Object& out) {
  const auto grow = [&](json::Value more) {
    auto& list = out.try_emplace(item.name, json::Array()).first->second;
    list.as_array().push_back(std::move(more));
  };
  switch (item.kind) {
    case Kind::text: out[item.name] = field.text(); return text::is_utf8(field.bytes());
    case Kind::bytes: out[item.name] = text::base64(field.bytes()); return true;
    case Kind::boolean: out[item.name] = field.number() != 0; return true;
    case Kind::int32: out[item.name] = static_cast<std::int32_t>(field.number()); return true;
    case Kind::int64: out[item.name] = std::to_string(static_cast<std::int64_t>(field.number())); return true;
    case Kind::uint64: out[item.name] = std::to_string(field.number()); return true;
    case Kind::texts: grow(field.text()); return text::is_utf8(field.bytes());
    case Kind::map: {
      std::string key, value;
      if (!read_pair(field.bytes(), key, value)) return false;
      out.try_emplace(item.name, json::Object()).first->second.as_object()[key] = value;
      return text::is_utf8(key) && text::is_utf8(value);
    }
    case Kind::duration: {
      std::string shown;
      if (!read_duration(field.bytes(), shown)) return false;
      out[item.name] = shown;
      return true;
    }
    case Kind::message:
    case Kind::messages: {
      json::Object inner;
      if (!read_message(field.bytes(), item.shape->items, inner)) return false;
      if (item.kind == Kind::messages) grow(std::move(inner));
      else out[item.name] = std::move(inner);
      return true;
    }
  }
  return false;
}

bool read_message(std::string_view bytes, std::span<const Item> items, json::Object& out) {
  wire::Reader field(bytes);
  while (field.next()) {
    const auto item = std::ranges::find(items, field.field(), &Item::field);
    if (item != items.end() && !read_item(field, *item, out)) return false;
  }
  return field.ok();
}

Result<json::Object> detail_json(std::string_view detail) {
  std::string type_url, value;
  if (!read_pair(detail, type_url, value)) return fail(errors::malformed_response("proto: malformed message"));
  const auto name = std::string_view(type_url).substr(type_url.rfind('/') + 1);
  const auto named = [name](const Shape& shape) { return shape.name == name; };
  json::Object object;
  object["@type"] = type_url;
  std::span<const Item> items;
  if (const auto known = std::ranges::find_if(kShapes, named); known != std::end(kShapes)) {
    items = known->items;
  } else if (const auto wrapper = std::ranges::find_if(kWrappers, named); wrapper != std::end(kWrappers)) {
    items = wrapper->items;
    object["value"] = zero_of(items.front().kind);
  } else {
    return fail(errors::malformed_response("proto: google.protobuf.Any: unable to resolve " + text::quote(type_url) + ": not found"));
  }
  if (read_message(value, items, object)) return object;
  return fail(errors::malformed_response("proto: google.protobuf.Any: unable to unmarshal " + text::quote(type_url)));
}

}  // namespace

std::vector<std::string> status_details(std::string_view status) {
  std::vector<std::string> details;
  for (wire::Reader field(status); field.next();) {
    if (field.field() == 3) details.push_back(field.text());
  }
  return details;
}

Result<std::string> status_json(int code, std::string_view message, const std::vector<std::string>& details) {
  json::Object object;
  if (code != 0) object["code"] = code;
  if (!message.empty()) object["message"] = message;
  json::Array list;
  for (const auto& detail : details) {
    MECHA_TRY(auto item, detail_json(detail));
    list.emplace_back(std::move(item));
  }
  if (!list.empty()) object["details"] = std::move(list);
  return json::write(object);
}

}  // namespace mecha
