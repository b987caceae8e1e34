// Key sets and signed tokens from outside: a line of a set, and lines of tokens. Only what the keys signed is accepted.

#include <cstddef>
#include <cstdint>
#include <string>

#include "components/jose/key_set.hpp"
#include "runtime/base/check.hpp"
#include "runtime/base/text.hpp"

using namespace mecha;
using namespace mecha::jose;

namespace {

// A public key whose private half nobody has: what verifies with it is a defect.
constexpr std::string_view kSet = R"({"keys":[{"kty":"EC","crv":"P-256","kid":"k","alg":"ES256",)"
                                  R"("x":"7qyqQUVBbuTXuWr9SAFwpl_XkcYF0cORycpags0VXeQ",)"
                                  R"("y":"m9bGPr0n-16_aKGV4iXFc3vPaYATWpLXuvGvkk7ED4U"}]})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto fixed = KeySet::parse(kSet).value();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto lines = text::split(bytes, '\n');
  const auto set = KeySet::parse(lines[0]);
  for (const auto line : lines) {
    MECHA_CHECK(!fixed.verify(line).has_value());
    if (set) (void)set->verify(line);
    (void)from_base64url(line);
    const auto claims = json::parse(line);
    if (claims) (void)check_claims(*claims, {.issuer = "us", .audience = "them"}, std::chrono::system_clock::now());
  }
  return 0;
}
