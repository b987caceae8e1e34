#include "components/pluggable/status.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::pluggable {
namespace {

constexpr std::string_view kTypes = "type.googleapis.com/google.rpc.";

// A detail as it came: the name behind google.rpc., and its message.
struct Detail {
  std::string type;
  std::string_view message;
};

std::vector<Detail> details_of(std::string_view status) {
  std::vector<Detail> all;
  for (wire::Reader field(status); field.next();) {
    if (field.field() != 3) continue;
    Detail detail;
    for (wire::Reader any(field.bytes()); any.next();) {
      if (any.field() == 1) detail.type = any.text();
      if (any.field() == 2) detail.message = any.bytes();
    }
    if (detail.type.starts_with(kTypes)) detail.type.erase(0, kTypes.size());
    all.push_back(std::move(detail));
  }
  return all;
}

struct Violation {
  std::string field, description;
};

std::vector<Violation> violations(std::string_view bad_request) {
  std::vector<Violation> all;
  for (wire::Reader outer(bad_request); outer.next();) {
    if (outer.field() != 1) continue;
    auto& one = all.emplace_back();
    for (wire::Reader inner(outer.bytes()); inner.next();) {
      if (inner.field() == 1) one.field = inner.text();
      if (inner.field() == 2) one.description = inner.text();
    }
  }
  return all;
}

// ErrorInfo has 1 reason, 3 metadata; ResourceInfo 1 type, 2 name, 3 owner, 4 description; Help 1 links of description, url.
ErrorDetail error_info(std::string_view message) {
  ErrorDetail out{.type = ErrorDetail::Type::error_info};
  for (wire::Reader field(message); field.next();) {
    if (field.field() == 1) out.reason = field.text();
    if (field.field() != 3) continue;
    std::string key, value;
    for (wire::Reader entry(field.bytes()); entry.next();) (entry.field() == 1 ? key : value) = entry.text();
    out.metadata[key] = value;
  }
  return out;
}

ErrorDetail resource_info(std::string_view message) {
  ErrorDetail out{.type = ErrorDetail::Type::resource_info};
  for (wire::Reader field(message); field.next();) {
    if (field.field() == 1) out.resource_type = field.text();
    if (field.field() == 2) out.resource_name = field.text();
    if (field.field() == 3) out.owner = field.text();
    if (field.field() == 4) out.description = field.text();
  }
  return out;
}

ErrorDetail help(std::string_view message) {
  ErrorDetail out{.type = ErrorDetail::Type::help};
  for (wire::Reader field(message); field.next();) {
    if (field.field() != 1 || !out.url.empty()) continue;
    for (wire::Reader link(field.bytes()); link.next();) (link.field() == 1 ? out.description : out.url) = link.text();
  }
  return out;
}

std::vector<ErrorDetail> understood(const std::vector<Detail>& details) {
  std::vector<ErrorDetail> all;
  for (const auto& [type, message] : details) {
    if (type == "ErrorInfo") all.push_back(error_info(message));
    if (type == "ResourceInfo") all.push_back(resource_info(message));
    if (type == "Help") all.push_back(help(message));
    if (type != "BadRequest") continue;
    for (auto& [field, description] : violations(message)) {
      all.push_back({.type = ErrorDetail::Type::bad_request, .field = std::move(field), .description = std::move(description)});
    }
  }
  return all;
}

Result<std::uint64_t> rows(const net::grpc::Status& status, const ErrorDetail& info, const std::string& name) {
  const auto& text = info.metadata.at(name);
  const auto number = text::to_int(text);
  if (number) return static_cast<std::uint64_t>(*number);
  auto error = status_error(status);
  error.message += "; cannot convert '" + name + "' rows to integer: strconv.Atoi: parsing " + text::quote(text) + ": invalid syntax";
  return fail(std::move(error));
}

}  // namespace

Error transport_error(Error error) {
  error.message = error.as_rpc_text();
  return error;
}

Error status_error(const net::grpc::Status& status) {
  Error error{.code = status.code, .message = status.message};
  auto details = understood(details_of(status.details));
  const auto info = std::ranges::find_if(details, [](const ErrorDetail& detail) {
    const auto mark = detail.metadata.find("kit_error");
    return detail.type == ErrorDetail::Type::error_info && mark != detail.metadata.end() && mark->second == "true";
  });
  if (info == details.end()) return transport_error(std::move(error));
  error.http_status = static_cast<unsigned>(text::to_int(info->metadata["http_code"]).value_or(0));
  const auto place = static_cast<std::size_t>(info - details.begin());
  for (const char* name : {"kit_error", "http_code"}) info->metadata.erase(name);
  auto kept = std::make_shared<const std::vector<ErrorDetail>>(std::move(details));
  // The view is as long-lived as the details, which every copy of the error holds.
  if (const auto tag = kept->at(place).metadata.find("tag"); tag != kept->at(place).metadata.end()) error.tag = tag->second;
  error.details = std::move(kept);
  return error;
}

std::optional<std::string> etag_violation(const net::grpc::Status& status) {
  const auto details = details_of(status.details);
  if (details.size() != 1 || details[0].type != "BadRequest") return std::nullopt;
  auto all = violations(details[0].message);
  if (all.size() != 1 || all[0].field != "etag") return std::nullopt;
  return std::move(all[0].description);
}

Result<std::optional<std::pair<std::uint64_t, std::uint64_t>>> row_mismatch(const net::grpc::Status& status) {
  using Rows = std::optional<std::pair<std::uint64_t, std::uint64_t>>;
  const auto details = details_of(status.details);
  if (details.size() != 1 || details[0].type != "ErrorInfo") return Rows();
  const auto info = error_info(details[0].message);
  if (!info.metadata.contains("expected")) return Rows();
  MECHA_TRY(const auto expected, rows(status, info, "expected"));
  if (!info.metadata.contains("affected")) return Rows();
  MECHA_TRY(const auto affected, rows(status, info, "affected"));
  return Rows({expected, affected});
}

}  // namespace mecha::pluggable
