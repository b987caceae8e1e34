// HTTP/1.1 heads and bodies, requests and answers: no crash, and the same result whether the bytes come at once or one
// by one.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "runtime/net/http1_parser.hpp"

namespace {

using namespace mecha;
using namespace mecha::net;

struct Outcome {
  bool refused = false;
  bool complete = false;
  std::string head, body;
  std::size_t used = 0;
  bool operator==(const Outcome&) const = default;
};

std::string text_of(const Headers& headers) {
  std::string text;
  for (const auto& [name, value] : headers) text.append(name).append(":").append(value).append("\n");
  return text;
}

Result<std::size_t> take_head(Http1Parser& parser, bool request, std::string_view bytes, Outcome& out) {
  Http1Facts facts;
  if (request) {
    RequestHead head;
    auto used = parser.request_head(bytes, head, facts);
    if (used && *used > 0) {
      out.head = head.method + " " + head.target + " " + head.authority + "\n" + text_of(head.headers);
      if (!escapes_are_whole(head.path())) std::abort();
      if (facts.chunked && head.content_length) std::abort();
    }
    return used;
  }
  ResponseHead head;
  auto used = parser.response_head(bytes, head, facts);
  if (used && *used > 0) out.head = std::to_string(head.status) + "\n" + text_of(head.headers);
  return used;
}

Outcome run(bool request, std::string_view bytes, std::size_t step) {
  Outcome out;
  Http1Parser parser(request ? Http1Parser::Role::request : Http1Parser::Role::response, 4096);
  std::size_t shown = 0;
  while (out.used == 0) {
    if (shown == bytes.size()) return out;
    shown = std::min(bytes.size(), shown + step);
    const auto used = take_head(parser, request, bytes.substr(0, shown), out);
    if (!used) {
      out.refused = true;
      out.head.clear();
      return out;
    }
    out.used = *used;
  }
  while (!parser.complete()) {
    const auto taken = parser.body(bytes.substr(out.used, shown - out.used));
    if (!taken) {
      out.refused = true;
      break;
    }
    out.used += taken->consumed;
    out.body += taken->piece;
    if (taken->consumed > 0) continue;
    if (shown == bytes.size()) break;
    shown = std::min(bytes.size(), shown + step);
  }
  out.complete = parser.complete();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 8192) return 0;
  const bool request = (data[0] & 1) != 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = run(request, bytes, bytes.size());
  const auto single = run(request, bytes, 1);
  // Bad bytes behind the end of a limit may be met earlier in one case; what is accepted must agree.
  if (whole.complete != single.complete) std::abort();
  if (whole.complete && !(whole == single)) std::abort();
  return 0;
}
