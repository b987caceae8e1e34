// gRPC: messages come out the same however the bytes are cut, never longer than the limit; the grammars of its fields
// read back what they write.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/check.hpp"
#include "runtime/base/text.hpp"
#include "runtime/net/grpc.hpp"

using namespace mecha;
using namespace mecha::net;

namespace {

constexpr std::size_t kMax = 2000;

struct Outcome {
  std::vector<std::string> messages;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

Outcome deframe(std::string_view bytes, std::size_t step, bool gzip) {
  grpc::Deframer deframer(kMax);
  if (gzip) deframer.encoding("gzip");
  Outcome outcome;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const auto fed = deframer.feed(bytes.substr(at, step));
    while (auto message = deframer.next()) {
      MECHA_CHECK(message->size() <= kMax);
      outcome.messages.push_back(*std::move(message));
    }
    if (!fed) {
      outcome.error = fed.error().message;
      break;
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const bool gzip = data[0] % 2 == 1;
  const auto whole = deframe(text, text.size() + 1, gzip);
  MECHA_CHECK(deframe(text, data[1] + 1u, gzip) == whole);

  MECHA_CHECK(grpc::decode_bin(grpc::encode_bin(text)) == text);
  MECHA_CHECK(grpc::decode_message(grpc::encode_message(text)) == text::sanitize_utf8(text));
  (void)grpc::decode_message(text);
  (void)grpc::decode_bin(text);
  if (const auto time = grpc::parse_timeout(text)) {
    const auto again = grpc::parse_timeout(grpc::format_timeout(*time));
    MECHA_CHECK(again.has_value() && *again >= *time);
  }
  return 0;
}
