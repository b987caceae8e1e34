// Output bindings: an operation of an outside system.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "mecha/codec.h"
#include "mecha/mode.h"

namespace mecha {

/// What a binding is asked to do.
struct BindingRequest {
  std::string binding;  ///< The name of the component.
  std::string operation;  ///< What it knows, such as `create`.
  std::string data = {};  ///< As the binding wants it.
  Metadata metadata = {};  ///< Settings of this request; which, is up to the binding.
};

/// What a binding answered.
struct BindingResponse {
  std::string data;  ///< Empty where the operation gives none.
  Metadata metadata;  ///< What the binding tells besides.
};

/// See StateApi for what overrides are held to.
class BindingApi {
 public:
  virtual ~BindingApi() = default;
  /// Asks for one operation.
  virtual Task<Result<BindingResponse>> invoke_binding(BindingRequest request, CallOptions options);
};

/// A binding by name. A cheap value; any thread.
template <class Mode>
class BasicBinding {
 public:
  /// Over any implementation of the calls.
  BasicBinding(std::shared_ptr<BindingApi> api, std::string name)
      : api_(std::move(api)), name_(std::move(name)) {}

  /// Of the component.
  const std::string& name() const noexcept { return name_; }

  /// Runs an operation with a value. What the answer means is up to the binding; decode it with
  /// `Codec<T>`.
  template <Encodable T>
  auto invoke(
      std::string operation, const T& value, Metadata metadata = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<BindingResponse> {
    auto bytes = detail::encode(value);
    if (!bytes) return Mode::run(ready(Result<BindingResponse>(std::move(bytes).error())));
    return Mode::run(api_->invoke_binding(
        {name_, std::move(operation), std::move(*bytes), std::move(metadata)}, std::move(options)
    ));
  }

  /// Runs an operation with a text.
  template <detail::Text Text>
  auto invoke(
      std::string operation, const Text& text, Metadata metadata = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<BindingResponse> {
    return this->invoke(
        std::move(operation), std::string(std::string_view(text)), std::move(metadata), std::move(options)
    );
  }

  /// Runs an operation that takes no value.
  auto invoke(std::string operation, Metadata metadata = {}, CallOptions options = {}) const ->
      typename Mode::template Return<BindingResponse> {
    return Mode::run(api_->invoke_binding(
        {name_, std::move(operation), {}, std::move(metadata)}, std::move(options)
    ));
  }

 private:
  std::shared_ptr<BindingApi> api_;
  std::string name_;
};

using Binding = BasicBinding<Async>;

}  // namespace mecha
