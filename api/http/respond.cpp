// Answers of the HTTP face: errors, JSON, empty ones.

#include "api/http/route.hpp"
#include "runtime/app/error_metric.hpp"
#include "runtime/base/json.hpp"

namespace mecha::api {
namespace {

constexpr std::string_view kJson = "application/json";

json::Value detail_json(const ErrorDetail& detail) {
  json::Object object;
  const auto type = [&](std::string_view name) {
    object["@type"] = json::Value("type.googleapis.com/google.rpc." + std::string(name));
  };
  switch (detail.type) {
    case ErrorDetail::Type::error_info: {
      type("ErrorInfo");
      object["domain"] = "dapr.io";
      object["reason"] = detail.reason;
      if (detail.metadata_is_null) {
        object["metadata"] = nullptr;
        break;
      }
      json::Object metadata;
      for (const auto& [name, value] : detail.metadata) metadata[name] = value;
      object["metadata"] = std::move(metadata);
      break;
    }
    case ErrorDetail::Type::resource_info:
      type("ResourceInfo");
      object["description"] = detail.description;
      object["owner"] = detail.owner;
      object["resource_name"] = detail.resource_name;
      object["resource_type"] = detail.resource_type;
      break;
    case ErrorDetail::Type::bad_request: {
      type("BadRequest");
      json::Object violation;
      if (!detail.field.empty()) violation["field"] = detail.field;
      violation["description"] = detail.description;
      json::Array violations;
      violations.emplace_back(std::move(violation));
      object["field_violations"] = std::move(violations);
      break;
    }
    case ErrorDetail::Type::help: {
      type("Help");
      json::Object link;
      link["description"] = detail.description;
      link["url"] = detail.url;
      json::Array links;
      links.emplace_back(std::move(link));
      object["links"] = std::move(links);
      break;
    }
  }
  return object;
}

}  // namespace

std::string error_json(const Error& error) {
  std::string text = R"({"errorCode":)";
  json::write_string(text, error.tag.empty() ? std::string_view("ERROR") : error.tag);
  text += R"(,"message":)";
  json::write_string(text, error.message);
  if (error.details && !error.details->empty()) {
    json::Array details;
    for (const auto& detail : *error.details) details.push_back(detail_json(detail));
    text += R"(,"details":)";
    json::write_to(text, json::Value(std::move(details)));
  }
  text += '}';
  return text;
}

asio::awaitable<void> respond_error(HttpRequest& request, const Error& error) {
  count_error(request.scope, error.tag.empty() ? std::string_view("ERROR") : error.tag);
  const auto status = error.tag.empty() && error.http_status == 0 ? 500 : error.status();
  return respond_json(request, status, error_json(error));
}

asio::awaitable<void> respond_json(
    HttpRequest& request, unsigned status, std::string body, net::Headers headers
) {
  net::ResponseHead head{.status = status, .headers = std::move(headers)};
  if (!head.headers.has("content-type")) head.headers.add("Content-Type", kJson);
  // A client that went away meanwhile has no answer to be told about.
  (void)co_await request.exchange.respond(std::move(head), std::move(body));
}

asio::awaitable<void> respond_empty(HttpRequest& request, unsigned status, net::Headers headers) {
  net::ResponseHead head{.status = status, .headers = std::move(headers)};
  (void)co_await request.exchange.respond(std::move(head), {});
}

Metadata HttpRequest::metadata() const {
  constexpr std::string_view prefix = "metadata.";
  Metadata found;
  const auto query = exchange.request().query();
  // Names may be escaped, too: "metadata%2Ettl".
  if (query.find(prefix) == std::string_view::npos && query.find('%') == std::string_view::npos) return found;
  for (auto& [name, value] : text::parse_query(query)) {
    if (name.starts_with(prefix)) found.try_emplace(name.substr(prefix.size()), std::move(value));
  }
  return found;
}

Async<std::string> HttpRequest::body() { return net::read_all(exchange.body()); }

}  // namespace mecha::api
