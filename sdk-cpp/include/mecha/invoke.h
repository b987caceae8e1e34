// Service invocation: methods of another application, found by its id.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "mecha/codec.h"
#include "mecha/mode.h"

namespace mecha {

/// One invocation as bytes.
struct InvokeRequest {
  std::string app;     ///< The id of the application.
  std::string method;  ///< A path or a name, without a leading slash.
  std::string data = {};  ///< The body.
  std::string content_type = {};  ///< Of `data`.
  std::string verb = "POST";  ///< The verb of HTTP; empty: none is sent, which an HTTP application
                              ///< cannot be called with.
  std::string query = {};     ///< `a=1&b=2`
};

/// What the application answered, as bytes.
struct InvokeResponse {
  std::string data;  ///< The body.
  std::string content_type;  ///< Of `data`.
  Metadata headers;     ///< Of the application, as far as the sidecar passes them on.
  int http_status = 0;  ///< Of an HTTP application; 0 for one that speaks gRPC.
};

/// What one invocation may name besides method and value.
struct InvokeOptions {
  std::string verb = "POST";  ///< The verb of HTTP, see InvokeRequest.
  std::string query = {};  ///< As it stands behind `?`.
  std::string content_type = {};  ///< Empty: that of the codec.
};

/// See StateApi for what overrides are held to.
class InvokeApi {
 public:
  virtual ~InvokeApi() = default;
  /// A failure of the application is the error: its gRPC status, or one made from its HTTP status,
  /// which then stands in `error.metadata["http.code"]`.
  virtual Task<Result<InvokeResponse>> invoke(InvokeRequest request, CallOptions options);
};

namespace detail {

template <class T>
struct DecodeReply {
  Result<T> operator()(Result<InvokeResponse>&& from) const {
    if (!from) return std::move(from).error();
    return decode<T>(std::move(from->data));
  }
};
template <>
struct DecodeReply<void> {
  Result<void> operator()(Result<InvokeResponse>&& from) const {
    if (!from) return std::move(from).error();
    return {};
  }
};

/// What an answer can be read as; `void` leaves it unread.
template <class T>
concept Reply = std::is_void_v<T> || Encodable<T>;

}  // namespace detail

/// Another application by its id. A cheap value; any thread.
template <class Mode>
class BasicApp {
 public:
  /// Over any implementation of the calls.
  BasicApp(std::shared_ptr<InvokeApi> api, std::string id)
      : api_(std::move(api)), id_(std::move(id)) {}

  /// The app id.
  const std::string& id() const noexcept { return id_; }

  /// Calls `method` with a value and decodes the answer. `Bytes` as Reply takes any answer, an
  /// empty one too; `void` leaves it unread. `options.metadata` becomes headers of the request at the
  /// application.
  template <detail::Reply Reply, Encodable Body>
  auto invoke(
      std::string method, const Body& body, InvokeOptions invoke = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<Reply> {
    auto bytes = detail::encode(body);
    if (!bytes) return Mode::run(ready(Result<Reply>(std::move(bytes).error())));
    if (invoke.content_type.empty()) invoke.content_type = Codec<Body>::content_type;
    return Mode::run(detail::TaskAccess::map<detail::DecodeReply<Reply>>(api_->invoke(
        request(std::move(method), std::move(*bytes), std::move(invoke)), std::move(options)
    )));
  }

  /// Calls `method` with a text.
  template <detail::Reply Reply, detail::Text Text>
  auto invoke(
      std::string method, const Text& text, InvokeOptions invoke = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<Reply> {
    return this->template invoke<Reply>(
        std::move(method), std::string(std::string_view(text)), std::move(invoke), std::move(options)
    );
  }

  /// Calls `method` without a value, for instance with the verb `DELETE`.
  template <detail::Reply Reply>
  auto invoke(std::string method, InvokeOptions invoke = {}, CallOptions options = {}) const ->
      typename Mode::template Return<Reply> {
    return Mode::run(detail::TaskAccess::map<detail::DecodeReply<Reply>>(
        api_->invoke(request(std::move(method), {}, std::move(invoke)), std::move(options))
    ));
  }

  /// Calls `method` with the verb GET and no value.
  template <Encodable Reply>
  auto get(std::string method, std::string query = {}, CallOptions options = {}) const ->
      typename Mode::template Return<Reply> {
    return Mode::run(detail::TaskAccess::map<detail::DecodeReply<Reply>>(api_->invoke(
        request(std::move(method), {}, {"GET", std::move(query), {}}), std::move(options)
    )));
  }

  /// The whole answer with its headers, for bytes that are encoded already.
  auto invoke_raw(
      std::string method, std::string data, InvokeOptions invoke = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<InvokeResponse> {
    return Mode::run(api_->invoke(
        request(std::move(method), std::move(data), std::move(invoke)), std::move(options)
    ));
  }

 private:
  InvokeRequest request(std::string method, std::string data, InvokeOptions invoke) const {
    return {
        id_,
        std::move(method),
        std::move(data),
        std::move(invoke.content_type),
        std::move(invoke.verb),
        std::move(invoke.query)
    };
  }

  std::shared_ptr<InvokeApi> api_;
  std::string id_;
};

using App = BasicApp<Async>;

}  // namespace mecha
