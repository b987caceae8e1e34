// Methods from functions on messages, and what the translations share. For the .cpp files of this folder.

#pragma once

#include <google/protobuf/map.h>
#include <google/protobuf/message_lite.h>

#include "api/grpc/method.hpp"
#include "components/component.hpp"
#include "runtime/base/text.hpp"

namespace mecha::api {

// The message of a unary or server-streaming call.
Async<void> read_only_message(GrpcRequest& request, google::protobuf::MessageLite& message);

template <class C, class Q, class A>
Async<void> run_unary(C& capability, Async<A> (*operation)(C&, GrpcRequest&, Q), GrpcRequest& request) {
  Q question;
  MECHA_CO_TRY_VOID(co_await read_only_message(request, question));
  MECHA_CO_TRY(const auto answer, co_await operation(capability, request, std::move(question)));
  co_return co_await request.write(answer);
}

// A method with one message there and one back. The capability outlives the table.
template <class C, class Q, class A>
GrpcMethod unary(std::string_view name, std::string group, C& capability, Async<A> (*operation)(C&, GrpcRequest&, Q)) {
  return {
      .path = std::string(kDapr).append(name),
      .group = std::move(group),
      .handler = [&capability, operation](GrpcRequest& request) { return run_unary(capability, operation, request); }};
}

// A method whose handler reads and writes as it likes.
template <class C>
GrpcMethod free_form(std::string_view name, std::string group, C& capability, Async<void> (*operation)(C&, GrpcRequest&)) {
  return {
      .path = std::string(kDapr).append(name),
      .group = std::move(group),
      .handler = [&capability, operation](GrpcRequest& request) { return operation(capability, request); }};
}

// The same, with streams of messages.
template <class C>
GrpcMethod streaming(std::string_view name, std::string group, C& capability, Async<void> (*operation)(C&, GrpcRequest&)) {
  auto method = free_form(name, std::move(group), capability, operation);
  method.streams = true;
  return method;
}

// Attributes of the span of a call to a component (contract 06, 7.4): `system` is "state", "secrets" or "bindings".
void describe_component(GrpcRequest& request, std::string_view system, std::string_view name);
void describe_messages(GrpcRequest& request, std::string_view pubsub);

using TextMap = google::protobuf::Map<std::string, std::string>;

// Text from outside (a backend, an application) for a string field: clients refuse a message whose texts are not UTF-8.
inline std::string valid_text(std::string text) {
  return text::is_utf8(text) ? std::move(text) : text::sanitize_utf8(text);
}

inline Metadata to_metadata(const TextMap& map) { return {map.begin(), map.end()}; }
template <class M>
void put_all(TextMap& to, const M& map) {
  for (const auto& [name, value] : map) to[valid_text(name)] = valid_text(value);
}

}  // namespace mecha::api
