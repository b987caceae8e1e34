// What the backends share of their messages, whatever the message types are.

#pragma once

#include <map>
#include <string>
#include <utility>

#include "components/component.hpp"
#include "components/pluggable/link.hpp"
#include "runtime/resources/fields.hpp"

namespace mecha::pluggable {

// What Init is given: the metadata items as they are once references are resolved, the runtime's own included, but for our
// limits.
inline std::map<std::string, std::string> properties(const ComponentSpec& spec) {
  std::map<std::string, std::string> all;
  for (const auto& item : unknown_items<Limits>(spec)) all[item.name] = item.value;
  return all;
}

// Texts by name, into a message and out of it.
template <class Map, class From>
void fill(Map& to, const From& from) {
  for (const auto& [key, value] : from) to[key] = value;
}

template <class Map>
std::map<std::string, std::string, std::less<>> texts(const Map& from) {
  std::map<std::string, std::string, std::less<>> all;
  for (const auto& [key, value] : from) all.emplace(key, value);
  return all;
}

template <class Message>
Result<Message> parse(const std::string& bytes) {
  Message message;
  if (message.ParseFromString(bytes)) return message;
  return fail(transport_error({.code = Code::internal, .message = "grpc: failed to unmarshal the received message"}));
}

// One call, from message to message; greet() is the one for greetings.
template <class Reply, class Request>
Async<Reply> ask(Link& link, std::string method, Request request, Link::Translate translate = &status_error) {
  MECHA_CO_TRY(const auto bytes, co_await link.call(std::move(method), request.SerializeAsString(), translate));
  co_return parse<Reply>(bytes);
}

template <class Reply, class Request>
Async<Reply> greet(Link& link, std::string method, Request request) {
  MECHA_CO_TRY(const auto bytes, co_await link.greet_call(std::move(method), request.SerializeAsString()));
  co_return parse<Reply>(bytes);
}

}  // namespace mecha::pluggable
