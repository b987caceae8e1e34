// What the list of calls is made of: how answers are shown, and the side that gives them.
#pragma once

#include <functional>
#include <iostream>
#include <regex>
#include <string>

#include "mecha/mecha.h"

namespace mecha::testing {

// Ids differ from run to run, and parsers of JSON in their words.
inline std::string normal(const std::string& text) {
  static const std::regex id("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
  static const std::regex json("error=(invalid character|the event is no JSON)[^}]*");
  auto to = std::regex_replace(std::regex_replace(text, id, "<id>"), json, "error=<JSON> ");
  for (auto at = to.find('\n'); at != std::string::npos; at = to.find('\n')) to.replace(at, 1, "\\n");
  return to;
}

inline std::string show(const std::string& value) { return "'" + value + "'"; }
inline std::string show(bool value) { return value ? "true" : "false"; }
inline std::string show(UnlockStatus value) { return std::to_string(static_cast<int>(value)); }
inline std::string show(const Metadata& map) {
  std::string to = "{";
  for (const auto& [key, value] : map) to += key + "=" + value + " ";
  return to + "}";
}
inline std::string show(const StateValue& value) {
  return show(value.data) + (value.etag.empty() ? " no etag" : " etag") +
         (value.metadata.contains("ttlExpireTime") ? " expires" : "");
}
inline std::string show(const StateItems& page) {
  std::string to;
  for (const auto& item : page.items)
    to += item.key + ":" + show(item.value) + " " + item.error + "; ";
  return to;
}
inline std::string show(const std::vector<FailedEntry>& failed) {
  return std::to_string(failed.size()) + " failed";
}
inline std::string show(const Secrets& all) {
  std::string to;
  for (const auto& [name, secret] : all) to += name + show(secret) + " ";
  return to;
}
inline std::string show(const ConfigurationItems& items) {
  std::string to;
  for (const auto& [key, item] : items) to += key + "=" + item.value + " v" + item.version + " ";
  return to;
}
inline std::string show(const InvokeResponse& answer) {
  return show(answer.data) + " " + answer.content_type;
}
inline std::string show(const BindingResponse& answer) { return show(answer.data); }
inline std::string show(const TopicEvent& event) {
  return event.source + " " + event.type + " " + event.spec_version + " " + event.content_type +
         " " + show(event.data) + " " + event.topic + " " + event.pubsub + " " + event.path;
}
template <class T>
std::string show(const std::optional<T>& value) {
  return value ? show(*value) : "end";
}

inline void line(const std::string& name, const std::string& text) {
  std::cout << name << ": " << normal(text) << std::endl;
}
inline void say(const std::string& name, const Error& error) {
  line(
      name,
      error.to_string() + " [" + error.domain + " " + error.resource_type + " " +
          error.resource_name + " " + show(error.metadata) + "]"
  );
}
template <class T>
void say(const std::string& name, const Result<T>& result) {
  if (!result.has_value()) return say(name, result.error());
  if constexpr (std::is_void_v<T>) {
    line(name, "ok");
  } else {
    line(name, show(*result));
  }
}

// What the list needs besides a client.
struct Side {
  Client client;
  std::function<void(std::string key, std::string value)> configure;

  Api& api() const { return *client.api(); }
  void set(const std::string& key, const std::string& value, WriteOptions options = {}) const {
    say("save " + key,
        sync_wait(api().save_state({"store", {upsert(key, value, std::move(options))}}, {})));
  }
  void get(const std::string& key) const {
    say("get " + key, sync_wait(api().get_state({"store", key}, {})));
  }
  std::string etag(const std::string& key) const {
    return sync_wait(api().get_state({"store", key}, {}))->etag;
  }
};

// The parts of the list that are in files of their own.
void edges(const Side& side);

}  // namespace mecha::testing
