// LocalProvider: operations with keys that are in this process; where they come from is the backend's (contract 02, 6.5).

#pragma once

#include <string>

#include "components/crypto/crypto_provider.hpp"

namespace mecha::crypto {

class LocalProvider : public CryptoProvider {
 public:
  Async<Key> get_key(std::string name) override;
  Async<Sealed> encrypt(Operation operation) override;
  Async<std::string> decrypt(Operation operation) override;
  Async<Sealed> wrap_key(Operation operation) override;
  Async<std::string> unwrap_key(Operation operation) override;
  Async<std::string> sign(Operation operation) override;
  Async<bool> verify(Operation operation) override;

 private:
  // The key by name, or why there is none.
  virtual Async<Key> load(std::string name) = 0;
  // The key, fit for the operation: what a JWK says of its algorithm and its uses is kept.
  Async<Key> fit_key(std::string name, std::string algorithm, std::string use, std::string_view what);
};

}  // namespace mecha::crypto
