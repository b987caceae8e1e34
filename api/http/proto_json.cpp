#include "api/http/proto_json.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "api/errors/common.hpp"
#include "runtime/base/text.hpp"
#include "runtime/base/text_utf8.hpp"

namespace mecha::api {
namespace {

std::unexpected<Error> wrong(std::string_view what) {
  return fail(errors::malformed_request("proto: " + std::string(what)));
}

// Whether each `\u` of a surrogate has the other half beside it. `literal` is what stands between the quotes of valid JSON.
bool has_whole_pairs(std::string_view literal) {
  bool high = false;  // the escape before was the first half of a pair
  for (std::size_t i = 0; i < literal.size(); ++i) {
    std::uint32_t unit = 0;
    if (literal[i] == '\\' && literal[i + 1] == 'u') {
      unit = static_cast<std::uint32_t>(std::stoul(std::string(literal.substr(i + 2, 4)), nullptr, 16));
      i += 5;
    } else if (literal[i] == '\\') {
      ++i;
    }
    const bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (high != low) return false;
    high = unit >= 0xD800 && unit <= 0xDBFF;
  }
  return !high;
}

// What the parser lets pass, of a text that it has read: what is wrong with the texts in it, and the names of the outermost object.
struct Scan {
  bool texts_fit = true;
  std::vector<std::string> names;
};

Scan scan(std::string_view text) {
  Scan found;
  std::size_t depth = 0;
  bool name = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '{' || c == '[') name = ++depth == 1;
    if (c == '}' || c == ']') --depth;
    if (c == ',') name = depth == 1;
    if (c == ':') name = false;
    if (c != '"') continue;
    const auto start = i + 1;
    for (++i; text[i] != '"'; ++i) i += text[i] == '\\' ? 1 : 0;
    const auto literal = text.substr(start, i - start);
    found.texts_fit = found.texts_fit && text::is_utf8(literal) && has_whole_pairs(literal);
    if (!name) continue;
    if (const auto value = json::parse(text.substr(start - 1, literal.size() + 2))) found.names.push_back(value->as_string());
  }
  return found;
}

}  // namespace

Result<json::Value> read_proto_json(std::string_view body, std::span<const ProtoField> fields) {
  if (body.empty()) return json::Value(json::Object());
  auto value = json::parse(body, true);
  if (!value) return wrong("syntax error: " + value.error().message);
  if (!value->is_object()) return wrong("syntax error: unexpected token");
  const auto found = scan(body);
  if (!found.texts_fit) return wrong("syntax error: invalid text");
  for (const auto& field : fields) {
    const auto times = std::ranges::count_if(found.names, [&](const auto& name) { return name == field.camel || name == field.snake; });
    if (times > 1) return wrong("duplicate field " + text::quote(field.camel));
  }
  return value;
}

const json::Value* find_field(const json::Value& message, const ProtoField& field) {
  const auto* value = message.find(field.camel);
  if (value == nullptr) value = message.find(field.snake);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::unexpected<Error> invalid_field(std::string_view name) { return wrong("invalid value for field " + std::string(name)); }

}  // namespace mecha::api
