// CEL: any text compiles or says why, and evaluates within its bounds.

#include <cstddef>
#include <cstdint>

#include "runtime/base/cel.hpp"
#include "runtime/base/check.hpp"

using namespace mecha;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const json::Value event = *json::parse(
      R"({"id":"1","type":"t","n":5,"none":null,"list":[1,"a",[2]],"data":{"amount":1.5,"ok":true,"items":[{"q":1}]}})"
  );
  const auto expression = cel::Expression::compile({reinterpret_cast<const char*>(data), size});
  if (!expression) {
    MECHA_CHECK(expression.error().message.starts_with("ERROR: <input>:"));
    return 0;
  }
  const auto bindings = cel::Bindings().set("event", event).set("requests", std::int64_t{7});
  const auto value = expression->evaluate(bindings);
  if (value) {
    MECHA_CHECK(!cel::type_name(value->type()).empty());
    (void)cel::to_text(*value);
  } else {
    MECHA_CHECK(!value.error().message.empty());
  }
  return 0;
}
