#include "runtime/telemetry/log_format.hpp"

#include <algorithm>
#include <cstdio>

#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha {

namespace {

using Fields = std::vector<LogField>;

void put(Fields& fields, const LogField& field) {
  const auto same = std::ranges::find(fields, field.name, &LogField::name);
  if (same == fields.end()) {
    fields.push_back(field);
  } else {
    same->value = field.value;
  }
}

Fields collect(const LogOptions& options, const LogEntry& entry) {
  Fields fields;
  fields.reserve(5 + entry.extra.size() + entry.fields.size());
  fields.emplace_back("app_id", options.app_id);
  fields.emplace_back("instance", options.instance);
  fields.emplace_back("scope", entry.scope);
  fields.emplace_back("type", "log");
  fields.emplace_back("ver", options.version);
  for (const auto& [name, value] : entry.extra) put(fields, {name, value});
  for (const LogField& field : entry.fields) put(fields, field);
  return fields;
}

// logrus quotes what holds anything but these; an empty value stays bare.
bool is_bare(std::string_view value) {
  return std::ranges::all_of(value, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '/' || c == '@' || c == '^' || c == '+';
  });
}

void append_text(std::string& out, std::string_view value) {
  out += is_bare(value) ? std::string(value) : text::quote(value);
}

void append_value(std::string& out, const LogField& field) {
  if (const auto* s = std::get_if<std::string_view>(&field.value)) append_text(out, *s);
  if (const auto* n = std::get_if<std::int64_t>(&field.value)) out += std::to_string(*n);
  if (const auto* b = std::get_if<bool>(&field.value)) out += *b ? "true" : "false";
}

void append_json(std::string& out, const LogField& field) {
  json::write_string(out, field.name);
  out += ':';
  if (const auto* s = std::get_if<std::string_view>(&field.value)) {
    json::write_string(out, *s);
  } else {
    append_value(out, field);
  }
}

}  // namespace

std::string_view level_name(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
    case Level::fatal:
      return "fatal";
  }
  return "info";
}

std::string format_log_text(const LogOptions& options, const LogEntry& entry) {
  Fields fields = collect(options, entry);
  std::ranges::sort(fields, {}, &LogField::name);
  std::string out = "time=" + text::quote(text::rfc3339_nano(entry.time));
  out.append(" level=").append(level_name(entry.level));
  if (!entry.text.empty()) {
    out += " msg=";
    append_text(out, entry.text);
  }
  for (const LogField& field : fields) {
    out.append(" ").append(field.name).append("=");
    append_value(out, field);
  }
  return out;
}

std::string format_log_json(const LogOptions& options, const LogEntry& entry) {
  Fields fields = collect(options, entry);
  const std::string time = text::rfc3339_nano(entry.time);
  put(fields, {"level", level_name(entry.level)});
  put(fields, {"msg", entry.text});
  put(fields, {"time", time});
  std::ranges::sort(fields, {}, &LogField::name);
  std::string out = "{";
  for (const LogField& field : fields) {
    if (out.size() > 1) out += ',';
    append_json(out, field);
  }
  out += '}';
  return out;
}

std::string format_log_coloured(const LogOptions& options, const LogEntry& entry) {
  Fields fields = collect(options, entry);
  std::ranges::sort(fields, {}, &LogField::name);
  const char* colour = "36";
  if (entry.level == Level::debug) colour = "37";
  if (entry.level == Level::warning) colour = "33";
  if (entry.level >= Level::error) colour = "31";
  const std::string name = text::upper(level_name(entry.level)).substr(0, 4);
  char head[64];
  std::snprintf(
      head,
      sizeof head,
      "\x1b[%sm%s\x1b[0m[%04lld] ",
      colour,
      name.c_str(),
      static_cast<long long>(entry.since_start.count())
  );
  std::string out = head;
  out += entry.text;
  if (entry.text.size() < 44) out.append(44 - entry.text.size(), ' ');
  out += ' ';
  for (const LogField& field : fields) {
    out.append(" \x1b[").append(colour).append("m").append(field.name).append("\x1b[0m=");
    append_value(out, field);
  }
  return out;
}

}  // namespace mecha
