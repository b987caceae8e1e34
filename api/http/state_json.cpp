#include "api/http/state_json.hpp"

#include <algorithm>

#include "api/errors/state.hpp"
#include "api/http/state_shape.hpp"
#include "runtime/base/json_read.hpp"

namespace mecha::api {
namespace {

// The member by name without case, to be taken; nullptr if absent or null.
json::Value* member(json::Value& object, std::string_view name) {
  auto* value = const_cast<json::Value*>(object.find_nocase(name));
  return value && !value->is_null() ? value : nullptr;
}

// `type` and a dot stand before the name in the text of a mismatch.
std::string in(std::string_view type, std::string_view name) { return std::string(type).append(".").append(name); }

Result<void> take_text(json::Value& object, std::string_view type, std::string_view name, std::string& out) {
  auto* value = member(object, name);
  if (value == nullptr) return {};
  if (!value->is_string()) return json::mismatch(*value, in(type, name), "string");
  out = std::move(value->as_string());
  return {};
}

Result<void> take_metadata(json::Value& object, std::string_view type, Metadata& out) {
  auto* value = member(object, "metadata");
  if (value == nullptr) return {};
  if (!value->is_object()) return json::mismatch(*value, in(type, "metadata"), "map[string]string");
  for (auto& [name, text] : value->as_object()) {
    if (!text.is_null() && !text.is_string()) return json::mismatch(text, in(type, "metadata"), "string");
    out[name] = text.is_null() ? std::string() : std::move(text.as_string());
  }
  return {};
}

// What save and transaction share: key, etag, metadata and options; null counts as an empty object.
template <class R>
Result<R> take_request(json::Value& object) {
  constexpr std::string_view type = "SetRequest";
  R request;
  if (object.is_null()) return request;
  if (!object.is_object()) return json::mismatch(object, {}, "state.SetRequest");
  MECHA_TRY_VOID(take_text(object, type, "key", request.key));
  MECHA_TRY_VOID(take_text(object, type, "etag", request.etag));
  MECHA_TRY_VOID(take_metadata(object, type, request.metadata));
  if (auto* options = member(object, "options")) {
    if (!options->is_object()) return json::mismatch(*options, in(type, "options"), "state.SetStateOption");
    MECHA_TRY_VOID(take_text(*options, "SetStateOption.options", "concurrency", request.options.concurrency));
    MECHA_TRY_VOID(take_text(*options, "SetStateOption.options", "consistency", request.options.consistency));
  }
  return request;
}

Result<state::SetRequest> take_set(json::Value& object) {
  MECHA_TRY(auto request, take_request<state::SetRequest>(object));
  if (object.is_object()) MECHA_TRY_VOID(take_text(object, "SetRequest", "contentType", request.content_type));
  json::Value value;
  if (auto* given = object.is_object() ? member(object, "value") : nullptr) {
    if (const auto* number = json::out_of_range(*given)) return json::mismatch(*number, "SetRequest.value", "float64");
    value = std::move(*given);
  }
  request.value = std::move(value);
  return request;
}

Result<state::Operation> take_operation(json::Value& object) {
  constexpr std::string_view type = "stateTransactionRequestBodyOperation.operations";
  std::string kind;
  json::Value none;
  json::Value* request = &none;
  if (!object.is_null()) {
    if (!object.is_object()) return json::mismatch(object, "stateTransactionRequestBody.operations", "http.stateTransactionRequestBodyOperation");
    MECHA_TRY_VOID(take_text(object, type, "operation", kind));
    if (auto* given = member(object, "request")) request = given;
    if (const auto* number = json::out_of_range(*request)) return json::mismatch(*number, in(type, "request"), "float64");
  }
  const bool upsert = kind == "upsert";
  if (upsert || kind == "delete") MECHA_TRY_VOID(check_operation(*request, upsert));
  if (upsert) return take_set(*request);
  if (kind == "delete") return take_request<state::DeleteRequest>(*request);
  return fail(errors::state_operation_not_supported(kind));
}

// JSON text as it was stored, without white space and with HTML characters escaped; false if it is no JSON.
bool append_compact(std::string& out, std::string_view text) {
  if (!json::parse(text, true)) return false;
  constexpr std::string_view kHex = "0123456789abcdef";
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) continue;
    if (c == '<' || c == '>' || c == '&') {
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[c & 15];
      continue;
    }
    const auto three = text.substr(i, 3);
    if (three == "\xE2\x80\xA8" || three == "\xE2\x80\xA9") {
      out += three.back() == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
      continue;
    }
    out += c;
    if (c == '"') quoted = !quoted;
    else if (quoted && c == '\\') out += text[++i];
  }
  return true;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  json::write_string(out, text);
}

void append_metadata(std::string& out, const Metadata& metadata) {
  if (metadata.empty()) return;
  out += ",\"metadata\":";
  json::write_texts(out, metadata);
}

// `,"data":...`; what is no JSON cannot be embedded and becomes the item's error.
void append_data(std::string& out, std::string_view data, std::string& error) {
  if (data.empty()) return;
  const auto size = out.size();
  out += ",\"data\":";
  if (append_compact(out, data)) return;
  out.resize(size);
  if (error.empty()) error = "the stored value is not JSON: read it with a single get";
}

void append_bulk_item(std::string& out, const state::BulkItem& item) {
  out += "{\"key\":";
  json::write_string(out, item.key);
  std::string error = item.error ? item.error->message : std::string();
  if (item.item) {
    append_data(out, item.item->data, error);
    if (item.item->etag && !item.item->etag->empty()) append_member(out, "etag", *item.item->etag);
    append_metadata(out, item.item->metadata);
  }
  if (!error.empty()) append_member(out, "error", error);
  out += '}';
}

}  // namespace

Result<std::vector<state::SetRequest>> read_save(std::string_view body) {
  MECHA_TRY(auto root, json::parse(body));
  std::vector<state::SetRequest> items;
  if (root.is_null()) return items;
  if (!root.is_array()) return json::mismatch(root, {}, "[]state.SetRequest");
  items.reserve(root.as_array().size());
  for (auto& entry : root.as_array()) {
    MECHA_TRY(auto item, take_set(entry));
    items.push_back(std::move(item));
  }
  return items;
}

Result<BulkGetBody> read_bulk_get(std::string_view body) {
  MECHA_TRY(auto root, json::parse(body));
  BulkGetBody request;
  if (root.is_null()) return request;
  if (!root.is_object()) return json::mismatch(root, {}, "http.BulkGetRequest");
  if (auto* keys = member(root, "keys")) {
    if (!keys->is_array()) return json::mismatch(*keys, "BulkGetRequest.keys", "[]string");
    for (auto& key : keys->as_array()) {
      if (!key.is_null() && !key.is_string()) return json::mismatch(key, "BulkGetRequest.keys", "string");
      request.keys.push_back(key.is_null() ? std::string() : std::move(key.as_string()));
    }
  }
  if (auto* parallelism = member(root, "parallelism")) {
    const auto number = parallelism->is_number() ? parallelism->as_int() : std::nullopt;
    if (!number) return json::mismatch(*parallelism, "BulkGetRequest.parallelism", "int");
    request.parallelism = static_cast<int>(std::clamp<std::int64_t>(*number, 0, 1 << 20));
  }
  MECHA_TRY_VOID(take_metadata(root, "BulkGetRequest", request.metadata));
  return request;
}

Result<state::TransactRequest> read_transaction(std::string_view body) {
  MECHA_TRY(auto root, json::parse(body));
  state::TransactRequest request;
  if (root.is_null()) return request;
  if (!root.is_object()) return json::mismatch(root, {}, "http.stateTransactionRequestBody");
  MECHA_TRY_VOID(take_metadata(root, "stateTransactionRequestBody", request.metadata));
  auto* operations = member(root, "operations");
  if (operations == nullptr) return request;
  if (!operations->is_array()) {
    return json::mismatch(*operations, "stateTransactionRequestBody.operations", "[]http.stateTransactionRequestBodyOperation");
  }
  for (auto& entry : operations->as_array()) {
    MECHA_TRY(auto operation, take_operation(entry));
    request.operations.push_back(std::move(operation));
  }
  return request;
}

std::string write_bulk_get(const std::vector<state::BulkItem>& items, std::size_t count) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ',';
    append_bulk_item(out, item);
  }
  for (auto i = items.size(); i < count; ++i) {
    if (out.size() > 1) out += ',';
    out += "{\"key\":\"\"}";
  }
  out += "]\n";
  return out;
}

std::string write_query(const state::QueryResult& result) {
  std::string out = "{\"results\":[";
  bool first = true;
  for (const auto& item : result.results) {
    if (!first) out += ',';
    first = false;
    out += "{\"key\":";
    json::write_string(out, item.key);
    auto error = item.error;
    append_data(out, item.data, error);
    if (item.etag && !item.etag->empty()) append_member(out, "etag", *item.etag);
    if (!error.empty()) append_member(out, "error", error);
    out += '}';
  }
  out += ']';
  if (!result.token.empty()) append_member(out, "token", result.token);
  append_metadata(out, result.metadata);
  out += "}\n";
  return out;
}

}  // namespace mecha::api
