// Documents that are scrambled, not encrypted: whoever forgets to decrypt notices, and nobody takes
// one for a secret. Not the format of a sidecar.
#pragma once

#include <cstdint>
#include <string>

#include "mecha/crypto.h"

namespace mecha::testing::detail {

/// Turns a document into another one, piece by piece.
class Transform {
 public:
  virtual ~Transform() = default;
  virtual Result<std::string> add(std::string_view piece) = 0;
  virtual Result<std::string> end() = 0;
};

class Scramble final : public Transform {
 public:
  explicit Scramble(const EncryptOptions& options);
  Result<std::string> add(std::string_view piece) override;
  Result<std::string> end() override;

 private:
  std::string header_;
  std::uint64_t sum_;
};

class Unscramble final : public Transform {
 public:
  explicit Unscramble(std::string key) : key_(std::move(key)) {}
  Result<std::string> add(std::string_view piece) override;
  Result<std::string> end() override;

 private:
  Result<bool> read_header();

  std::string key_, rest_;
  bool in_body_ = false;
  std::uint64_t sum_ = 0;
};

}  // namespace mecha::testing::detail
