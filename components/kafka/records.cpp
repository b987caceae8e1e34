#include "components/kafka/records.hpp"

#include <re2/re2.h>

#include "runtime/base/text.hpp"

namespace mecha::kafka {
namespace {

// As the query of a URL is escaped.
std::string query_escape(std::string_view text) {
  return text::replace_all(text::escape(text), "%20", "+");
}

const std::string* value_of(const Metadata& metadata, std::string_view name) {
  const auto item = metadata.find(name);
  return item == metadata.end() ? nullptr : &item->second;
}

}  // namespace

Result<Records> Records::make(const Settings& settings) {
  Records records;
  records.escape_ = settings.escape_headers;
  if (settings.exclude_headers.empty()) return records;
  auto excluded = std::make_shared<RE2>(settings.exclude_headers, RE2::Quiet);
  if (!excluded->ok()) {
    return fail(
        Code::invalid_argument, "kafka error: excludeHeaderMetaRegex: " + excluded->error()
    );
  }
  records.excluded_ = std::move(excluded);
  return records;
}

bool Records::is_excluded(const std::string& name) const {
  return excluded_ != nullptr && RE2::PartialMatch(name, *excluded_);
}

Result<Outgoing> Records::outgoing(std::string topic, std::string data, const Metadata& metadata)
    const {
  Outgoing record;
  record.topic = std::move(topic);
  if (data != "null") record.value = std::move(data);
  const auto* key = value_of(metadata, "partitionKey");
  if (key == nullptr) key = value_of(metadata, "__key");
  if (key != nullptr) record.key = *key;
  if (const auto* number = value_of(metadata, "partitionNumber")) {
    const auto partition = text::to_int(*number);
    if (!partition || *partition < 0 || *partition > INT32_MAX) {
      return fail(Code::failed_precondition, "invalid partition number: " + *number);
    }
    record.partition = static_cast<std::int32_t>(*partition);
  }
  for (const auto& [name, value] : metadata) {
    if (!is_excluded(name)) record.headers.emplace_back(name, value);
  }
  return record;
}

Metadata Records::metadata(const Record& record) const {
  Metadata metadata;
  for (const auto& [name, value] : record.headers) {
    if (!is_excluded(name)) metadata[name] = escape_ ? query_escape(value) : value;
  }
  if (record.key) metadata["__key"] = escape_ ? query_escape(*record.key) : *record.key;
  metadata["__topic"] = record.topic;
  metadata["__partition"] = std::to_string(record.partition);
  metadata["__offset"] = std::to_string(record.offset);
  metadata["__timestamp"] = std::to_string(record.timestamp_ms);
  return metadata;
}

}  // namespace mecha::kafka
