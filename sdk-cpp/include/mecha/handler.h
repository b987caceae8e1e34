// Functions of the user as handlers of a service: what they may take and give, found out from
// their types when they are compiled.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "mecha/callback.h"
#include "mecha/codec.h"

namespace mecha {

/// One message of a batch with its value decoded.
template <class T>
struct BulkMessage {
  T value;  ///< As it was decoded.
  TopicEvent event;  ///< Without `data`, which became the value.
};

namespace detail {

/// What a handler gave. `unreadable` counts the values that did not decode: the handler did not see
/// them, and the result is the error of the codec, or for a batch what it says of the others.
template <class Out>
struct Answer {
  Result<Out> result;
  std::size_t unreadable = 0;
};

/// A handler over bytes. One that is plain may block and never suspends.
template <class In, class Out>
struct Handler {
  std::function<Task<Answer<Out>>(In)> call;
  bool plain = false;
};

template <class... A>
struct Types {};

template <class F>
struct Signature : Signature<decltype(&F::operator())> {};
template <class R, class... A>
struct Signature<R(A...)> {
  using Return = R;
  using Arguments = Types<A...>;
};
template <class R, class... A>
struct Signature<R (*)(A...)> : Signature<R(A...)> {};
template <class R, class... A>
struct Signature<R (*)(A...) noexcept> : Signature<R(A...)> {};
template <class F, class R, class... A>
struct Signature<R (F::*)(A...)> : Signature<R(A...)> {};
template <class F, class R, class... A>
struct Signature<R (F::*)(A...) const> : Signature<R(A...)> {};
template <class F, class R, class... A>
struct Signature<R (F::*)(A...) noexcept> : Signature<R(A...)> {};
template <class F, class R, class... A>
struct Signature<R (F::*)(A...) const noexcept> : Signature<R(A...)> {};

/// A function pointer, or an object with one operator() that is no template.
template <class F>
concept WrittenOut = std::is_pointer_v<F> || requires { &F::operator(); };

template <class T>
struct TaskValue {
  using type = T;
  static constexpr bool plain = true;
};
template <class T>
struct TaskValue<Task<T>> {
  using type = T;
  static constexpr bool plain = false;
};

/// Stands for the value of a handler that takes none.
struct NoValue {};

/// The first parameter that is not the request itself; NoValue where there is none.
template <class In, class List>
struct ValueOf {
  using type = NoValue;
};
template <class In, class A, class... More>
struct ValueOf<In, Types<A, More...>> {
  using Plain = std::remove_cvref_t<A>;
  using type = typename std::conditional_t<
      std::is_same_v<Plain, In>,
      ValueOf<In, Types<More...>>,
      std::type_identity<Plain>>::type;
};

/// True when each parameter is the request or its one value.
template <class In, class Value, class List>
inline constexpr bool takes = false;
template <class In, class Value, class... A>
inline constexpr bool takes<In, Value, Types<A...>> =
    sizeof...(A) <= 2 && ((std::is_same_v<std::remove_cvref_t<A>, In> ||
                           std::is_same_v<std::remove_cvref_t<A>, Value>) &&
                          ...);

template <class Declared, class In, class Value>
Declared&& pass([[maybe_unused]] In& in, [[maybe_unused]] Value& value) noexcept {
  if constexpr (std::is_same_v<std::remove_cvref_t<Declared>, In>) {
    return static_cast<Declared&&>(in);
  } else {
    return static_cast<Declared&&>(value);
  }
}

template <class F, class In, class Value, class... A>
decltype(auto) apply(F& function, In& in, Value& value, Types<A...>) {
  return function(pass<A>(in, value)...);
}

// What each kind of handler takes, gives, and means by what it gives.

struct MethodKind {
  using In = MethodCall;
  using Out = MethodReply;
  static Result<Out> outcome() { return Out{}; }
  static Result<Out> outcome(MethodReply reply) { return reply; }
  template <Text T>
  static Result<Out> outcome(const T& text) {
    return outcome(std::string(std::string_view(text)));
  }
  template <Encodable T>
  static Result<Out> outcome(const T& value) {
    auto bytes = encode(value);
    if (!bytes) return fail(Code::internal, bytes.error().message);
    return Out{std::move(*bytes), std::string(Codec<T>::content_type), {}};
  }
};

struct TopicKind {
  using In = TopicEvent;
  using Out = Verdict;
  static Result<Out> outcome() { return Verdict::success; }
  static Result<Out> outcome(Verdict verdict) { return verdict; }
};

struct BindingKind {
  using In = BindingEvent;
  using Out = BindingReply;
  static Result<Out> outcome() { return Out{}; }
  static Result<Out> outcome(BindingReply reply) { return reply; }
};

struct JobKind {
  using In = JobEvent;
  using Out = void;
  static Result<Out> outcome() { return {}; }
};

struct HealthCheck {};
struct HealthKind {
  using In = HealthCheck;
  using Out = void;
  static Result<Out> outcome() { return {}; }
};

/// One verdict for a batch, or one for each of its messages in their order.
struct Verdicts {
  std::optional<Verdict> all;
  std::vector<Verdict> each;
};
struct BulkKind {
  using In = BulkTopicEvent;
  using Out = Verdicts;
  static Result<Out> outcome() { return Out{Verdict::success, {}}; }
  static Result<Out> outcome(Verdict verdict) { return Out{verdict, {}}; }
  static Result<Out> outcome(std::vector<Verdict> verdicts) {
    return Out{std::nullopt, std::move(verdicts)};
  }
};

template <class Kind, class R>
Result<typename Kind::Out> settle(R&& given) {
  using Plain = std::remove_cvref_t<R>;
  if constexpr (IsResult<Plain>::value) {
    if (!given.has_value()) return std::forward<R>(given).error();
    if constexpr (std::is_void_v<typename Plain::value_type>) {
      return Kind::outcome();
    } else {
      return Kind::outcome(std::forward<R>(given).value());
    }
  } else {
    return Kind::outcome(std::forward<R>(given));
  }
}

/// True for what `settle` takes.
template <class Kind, class R>
inline constexpr bool gives = requires(R value) { Kind::outcome(std::move(value)); };
template <class Kind, class R>
inline constexpr bool gives<Kind, Result<R>> = gives<Kind, R>;
template <class Kind>
inline constexpr bool gives<Kind, void> = true;
template <class Kind>
inline constexpr bool gives<Kind, Result<void>> = true;

/// Calls the function, awaits what it gives, and says what that means. Function, request and value
/// live in this frame until then: a lambda that is a coroutine may capture, and take references.
template <class Kind, class F, class Value>
Task<Result<typename Kind::Out>> perform(
    std::shared_ptr<F> function, typename Kind::In in, Value value
) {
  using Given = typename Signature<F>::Return;
  using List = typename Signature<F>::Arguments;
  using Plain = typename TaskValue<Given>::type;
  if constexpr (TaskValue<Given>::plain && std::is_void_v<Plain>) {
    apply(*function, in, value, List{});
    co_return Kind::outcome();
  } else if constexpr (TaskValue<Given>::plain) {
    co_return settle<Kind>(apply(*function, in, value, List{}));
  } else if constexpr (std::is_void_v<Plain>) {
    co_await apply(*function, in, value, List{});
    co_return Kind::outcome();
  } else {
    co_return settle<Kind>(co_await apply(*function, in, value, List{}));
  }
}

template <class Kind, class F>
Task<Answer<typename Kind::Out>> handle(std::shared_ptr<F> function, typename Kind::In in) {
  using Value = typename ValueOf<typename Kind::In, typename Signature<F>::Arguments>::type;
  Answer<typename Kind::Out> answer;
  if constexpr (std::is_same_v<Value, NoValue>) {
    answer.result = co_await perform<Kind>(std::move(function), std::move(in), NoValue{});
  } else {
    auto value = decode<Value>(std::string_view(in.data));
    if (value.has_value()) {
      answer.result = co_await perform<Kind>(std::move(function), std::move(in), std::move(*value));
    } else {
      answer.result = std::move(value).error();
      answer.unreadable = 1;
    }
  }
  co_return answer;
}

template <class List>
struct BulkValue;
template <class T>
struct BulkValue<std::vector<BulkMessage<T>>> {
  using type = T;
};

/// One verdict per message; those that could not be read are dropped.
Result<std::vector<Verdict>> merge_verdicts(
    Result<Verdicts> given, const std::vector<bool>& readable
);

template <class F>
Task<Answer<std::vector<Verdict>>> handle_bulk(std::shared_ptr<F> function, BulkTopicEvent in) {
  using Messages = typename ValueOf<BulkTopicEvent, typename Signature<F>::Arguments>::type;
  Answer<std::vector<Verdict>> answer;
  std::vector<bool> readable(in.entries.size(), true);
  Messages messages{};
  if constexpr (!std::is_same_v<Messages, NoValue>) {
    using T = typename BulkValue<Messages>::type;
    static_assert(Encodable<T>, "the values of a batch need a mecha::Codec");
    for (std::size_t i = 0; i < in.entries.size(); ++i) {
      auto value = decode<T>(std::move(in.entries[i].event.data));
      readable[i] = value.has_value();
      if (value.has_value()) messages.push_back({std::move(*value), in.entries[i].event});
      if (!value.has_value()) ++answer.unreadable;
    }
  }
  Result<Verdicts> given = Verdicts{};
  if (answer.unreadable < readable.size())
    given = co_await perform<BulkKind>(std::move(function), std::move(in), std::move(messages));
  answer.result = merge_verdicts(std::move(given), readable);
  co_return answer;
}

/// Says at compile time why a function cannot be a handler.
template <class Kind, class F>
constexpr void check_handler() {
  static_assert(
      WrittenOut<F>, "a handler is a function or a lambda with the types of its parameters"
  );
  using List = typename Signature<F>::Arguments;
  using Value = typename ValueOf<typename Kind::In, List>::type;
  static_assert(
      takes<typename Kind::In, Value, List>, "a handler takes a value, the request, or both"
  );
  static_assert(
      gives<Kind, typename TaskValue<typename Signature<F>::Return>::type>,
      "this kind of handler cannot give a value of this type"
  );
  if constexpr (!std::is_same_v<Kind, BulkKind>) {
    static_assert(
        std::is_same_v<Value, NoValue> || Encodable<Value>,
        "the value of a handler needs a mecha::Codec, see mecha/json.h and mecha/protobuf.h"
    );
  }
}

template <class Kind, class F>
Handler<typename Kind::In, typename Kind::Out> make_handler(F function) {
  check_handler<Kind, F>();
  Handler<typename Kind::In, typename Kind::Out> to;
  to.plain = TaskValue<typename Signature<F>::Return>::plain;
  to.call = [kept = std::make_shared<F>(std::move(function))](typename Kind::In in) {
    return handle<Kind, F>(kept, std::move(in));
  };
  return to;
}

template <class F>
Handler<BulkTopicEvent, std::vector<Verdict>> make_bulk_handler(F function) {
  check_handler<BulkKind, F>();
  Handler<BulkTopicEvent, std::vector<Verdict>> to;
  to.plain = TaskValue<typename Signature<F>::Return>::plain;
  to.call = [kept = std::make_shared<F>(std::move(function))](BulkTopicEvent in) {
    return handle_bulk<F>(kept, std::move(in));
  };
  return to;
}

}  // namespace detail
}  // namespace mecha
