#include "components/state/mongodb_record.hpp"

#include <chrono>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha::state {

using mongodb::Document;

// Go writes a bell, a vertical tab, other control characters and what is not printable as \a, \v, \x01 and \U000e0001: no
// JSON, and the reader gets the text as it is stored. JSON's own escapes say the same.
std::string quoted_text(const std::string& text) {
  const auto in_go = text::quote(text);
  std::string out;
  for (std::size_t i = 0; i < in_go.size(); ++i) {
    if (in_go[i] != '\\') {
      out += in_go[i];
      continue;
    }
    const char kind = in_go[++i];
    if (kind == 'a') out += "\\u0007";
    else if (kind == 'v') out += "\\u000b";
    else if (kind == 'x') {
      out += "\\u00" + in_go.substr(i + 1, 2);
      i += 2;
    } else if (kind == 'U') {
      const auto point = std::stoul(in_go.substr(i + 1, 8), nullptr, 16) - 0x10000;
      const auto unit = [](unsigned long code) {
        const char bytes[] = {static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
        return "\\u" + text::hex({bytes, 2});
      };
      out += unit(0xd800 + (point >> 10)) + unit(0xdc00 + (point & 0x3ff));
      i += 8;
    } else {
      out += {'\\', kind};
    }
  }
  return out;
}

void add_value(Document& to, Value value) {
  if (const auto* bytes = std::get_if<std::string>(&value)) {
    to.text("value", *bytes);
    return;
  }
  const auto& json = std::get<json::Value>(value);
  if (json.is_string()) to.text("value", quoted_text(json.as_string()));
  else to.json("value", json);
}

Document make_update(Value value, std::string etag, std::optional<std::int64_t> expires) {
  Document record;
  add_value(record, std::move(value));
  record.text("_etag", etag);
  if (expires) record.date("_ttl", *expires);
  else record.null("_ttl");
  Document update;
  update.document("$set", record);
  return update;
}

Document by_key(const std::string& key, const std::string& etag, std::optional<std::int64_t> expired_at) {
  Document filter;
  filter.text("_id", key);
  if (!etag.empty()) filter.text("_etag", etag);
  if (expired_at) filter.document("_ttl", Document().date("$lte", *expired_at));
  return filter;
}

// A time to live of nothing is over in the very millisecond of its write.
Document alive(const Document& filter, std::int64_t now) {
  Document either;
  either.array("$or", {Document().null("_ttl"), Document().document("_ttl", Document().date("$gt", now))});
  Document both;
  both.array("$and", {filter, either});
  return both;
}

Document expired(std::int64_t now) {
  Document filter;
  filter.document("_ttl", Document().date("$lte", now));
  return filter;
}

std::string like_expression(std::string_view pattern) {
  std::string out = "^";
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    char c = pattern[i];
    if (c == '%' || c == '_') {
      out += c == '%' ? "(?s:.*)" : "(?s:.)";
      continue;
    }
    if (c == '\\' && i + 1 < pattern.size()) c = pattern[++i];
    if (std::string_view(R"(\.+*?()|[]{}^$)").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + "$";
}

Result<MongoRecord> read_record(const Document& document) {
  MongoRecord record{.key = document.as_text("_id").value_or(""), .item = {}};
  if (auto text = document.as_text("value")) {
    record.item.data = *std::move(text);
  } else {
    MECHA_TRY(const auto value, document.as_json("value"));
    record.item.data = json::write(value);
  }
  record.item.no_data = !document.has("value");
  record.item.etag = document.as_text("_etag").value_or("");
  if (const auto expires = document.as_date("_ttl")) {
    using Time = std::chrono::system_clock::time_point;
    record.item.metadata["ttlExpireTime"] = text::rfc3339(Time(std::chrono::milliseconds(*expires)));
  }
  return record;
}

}  // namespace mecha::state
