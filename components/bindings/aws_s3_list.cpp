#include "components/bindings/aws_s3_list.hpp"

#include "components/aws/xml.hpp"
#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

constexpr std::int64_t kResultsMost = 1000;

json::Value text_or_null(const aws::Element& of, std::string_view name) {
  const auto* one = of.find(name);
  return one == nullptr ? json::Value() : json::Value(one->text);
}

json::Value number_or_null(const aws::Element& of, std::string_view name) {
  const auto number = text::to_int(of.text_of(name));
  return number ? json::Value(*number) : json::Value();
}

json::Value object_of(const aws::Element& content) {
  json::Object out;
  for (const auto* name : {"ETag", "Key", "StorageClass"}) out[name] = text_or_null(content, name);
  // Without the fractions of a second.
  const auto changed = text::parse_rfc3339(content.text_of("LastModified"));
  out["LastModified"] = changed ? json::Value(text::rfc3339(*changed)) : json::Value();
  out["Size"] = number_or_null(content, "Size");
  const auto* owner = content.find("Owner");
  out["Owner"] = owner == nullptr ? json::Value()
                                  : json::Value(json::Object{{"DisplayName", text_or_null(*owner, "DisplayName")}, {"ID", text_or_null(*owner, "ID")}});
  return json::Value(std::move(out));
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> s3_list_query(const std::string& data) {
  json::Value asked{json::Object()};
  if (!data.empty()) {
    MECHA_TRY(asked, json::parse(data, true));
  }
  if (asked.is_null()) asked = json::Value(json::Object());
  if (!asked.is_object()) return fail(Code::invalid_argument, "it is no object");
  std::int64_t most = kResultsMost;
  if (const auto* number = asked.find_nocase("maxResults"); number != nullptr && !number->is_null()) {
    const auto whole = number->is_number() ? number->as_int() : std::nullopt;
    if (!whole) return fail(Code::invalid_argument, "maxResults is no whole number");
    if (*whole > 0) most = *whole;
  }
  std::vector<std::pair<std::string, std::string>> query{{"max-keys", std::to_string(most)}};
  for (const auto* name : {"prefix", "marker", "delimiter"}) {
    const auto* value = asked.find_nocase(name);
    if (value == nullptr || value->is_null()) continue;
    if (!value->is_string()) return fail(Code::invalid_argument, std::string(name) + " is no text");
    query.emplace_back(name, value->as_string());
  }
  return query;
}

Result<json::Value> s3_list_answer(const std::string& xml) {
  MECHA_TRY(const auto root, aws::parse_xml(xml));
  if (root.name != "ListBucketResult") return fail(Code::internal, "the answer is no list of objects");
  json::Object out;
  for (const auto* name : {"Delimiter", "EncodingType", "Marker", "Name", "NextMarker", "Prefix"}) out[name] = text_or_null(root, name);
  out["IsTruncated"] = root.text_of("IsTruncated") == "true";
  out["MaxKeys"] = number_or_null(root, "MaxKeys");
  json::Array contents, prefixes;
  for (const auto& child : root.children) {
    if (child.name == "Contents") contents.push_back(object_of(child));
    else if (child.name == "CommonPrefixes") prefixes.emplace_back(json::Object{{"Prefix", text_or_null(child, "Prefix")}});
  }
  out["Contents"] = contents.empty() ? json::Value() : json::Value(std::move(contents));
  out["CommonPrefixes"] = prefixes.empty() ? json::Value() : json::Value(std::move(prefixes));
  return json::Value(std::move(out));
}

}  // namespace mecha::bindings
