#include "components/crypto/xchacha.hpp"

#include <array>
#include <bit>
#include <cstdint>

namespace mecha::crypto {
namespace {

using State = std::array<std::uint32_t, 16>;

std::uint32_t load(std::string_view bytes, std::size_t at) {
  std::uint32_t word = 0;
  for (std::size_t i = 4; i-- > 0;) word = word << 8 | static_cast<unsigned char>(bytes[at + i]);
  return word;
}

void quarter(State& s, std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
  s[d] = std::rotl(s[d] ^ (s[a] += s[b]), 16);
  s[b] = std::rotl(s[b] ^ (s[c] += s[d]), 12);
  s[d] = std::rotl(s[d] ^ (s[a] += s[b]), 8);
  s[b] = std::rotl(s[b] ^ (s[c] += s[d]), 7);
}

// HChaCha20: the rounds of ChaCha20 without the addition at the end; rows 0 and 3 are the new key.
std::string hchacha20(std::string_view key, std::string_view nonce) {
  State s{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  for (std::size_t i = 0; i < 8; ++i) s[4 + i] = load(key, 4 * i);
  for (std::size_t i = 0; i < 4; ++i) s[12 + i] = load(nonce, 4 * i);
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < 4; ++i) quarter(s, i, 4 + i, 8 + i, 12 + i);
    for (std::size_t i = 0; i < 4; ++i) quarter(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
  }
  std::string out;
  for (const std::size_t row : {0U, 12U}) {
    for (std::size_t i = 0; i < 4; ++i) {
      for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(s[row + i] >> shift);
    }
  }
  return out;
}

}  // namespace

std::pair<std::string, std::string> xchacha_inner(std::string_view key, std::string_view nonce) {
  std::string inner(4, '\0');
  inner += nonce.substr(16);
  return {hchacha20(key, nonce.substr(0, 16)), std::move(inner)};
}

}  // namespace mecha::crypto
