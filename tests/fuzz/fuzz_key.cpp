// Keys from outside: raw, JWK, sets and PEM. What is accepted can be used: its public part is written and read back the same.

#include <cstddef>
#include <cstdint>
#include <string>

#include "components/crypto/key.hpp"
#include "runtime/base/check.hpp"

using namespace mecha;
using namespace mecha::crypto;

namespace {

void use(const Key& key) {
  (void)key.permits("wrapKey");
  if (key.type == KeyType::symmetric) {
    MECHA_CHECK(key.pair == nullptr);
    return;
  }
  const auto pem = public_pem(key);
  if (!pem) return;
  const auto again = parse_pem(*pem);
  MECHA_CHECK(!again || again->type == key.type);
  (void)public_jwk(key);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto form : {KeyForm::guess, KeyForm::jwk, KeyForm::pem}) {
    if (const auto key = parse_key(bytes, form)) use(*key);
  }
  if (const auto set = parse_key_set(bytes)) {
    for (const auto& [id, key] : *set) use(key);
  }
  return 0;
}
