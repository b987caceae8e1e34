// What every provider of cryptography keeps. A backend's test hands in a started provider and the names of its keys.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "components/catalog.hpp"
#include "components/crypto/crypto_provider.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/crypto_keys.hpp"
#include "tests/run.hpp"

namespace mecha::conformance {

// Makes and starts providers of the catalogue on one shard, which the test drives.
class CryptoStage {
 public:
  explicit CryptoStage(std::function<void(Catalog&)> fill) : shards_(1) { fill(catalog_); }
  ~CryptoStage() {
    for (auto& component : started_) (void)run(component->stop());
  }

  Result<std::shared_ptr<crypto::CryptoProvider>> start(std::string type, std::vector<NameValue> metadata = {}) {
    const ComponentSpec spec{.name = "vault", .type = std::move(type), .version = "v1", .metadata = std::move(metadata)};
    const ComponentContext context{.shards = shards_, .name = "vault", .type = spec.type, .app_id = "app", .log = log_};
    MECHA_TRY(auto component, catalog_.make(spec, context));
    started_.push_back(component);
    MECHA_TRY_VOID(run(component->start()));
    return std::dynamic_pointer_cast<crypto::CryptoProvider>(component);
  }

  template <class T>
  Result<T> run(Async<T> work) {
    return testing::run(shards_.context(0), std::move(work));
  }

  Shards& shards() { return shards_; }
  Log log_;

 private:
  Shards shards_;
  Catalog catalog_;
  std::vector<std::shared_ptr<Component>> started_;
};

// Of kOctets, kRsaPem, kEcPem; empty where the provider has none.
struct CryptoKeys {
  std::string octets, rsa, ec;
};

inline void seals_and_opens(CryptoStage& stage, crypto::CryptoProvider& provider, crypto::Operation operation) {
  INFO(operation.algorithm);
  const auto sealed = stage.run(provider.encrypt(operation));
  REQUIRE(sealed);
  CHECK(sealed->data != operation.data);
  auto back = operation;
  back.data = sealed->data;
  back.tag = sealed->tag;
  const auto opened = stage.run(provider.decrypt(back));
  REQUIRE(opened);
  CHECK(*opened == operation.data);
  if (sealed->tag.empty()) return;
  back.tag[0] ^= 1;
  CHECK(!stage.run(provider.decrypt(back)));
}

inline void wraps_and_unwraps(CryptoStage& stage, crypto::CryptoProvider& provider, crypto::Operation operation) {
  INFO(operation.algorithm);
  const auto wrapped = stage.run(provider.wrap_key(operation));
  REQUIRE(wrapped);
  auto back = operation;
  back.data = wrapped->data;
  const auto unwrapped = stage.run(provider.unwrap_key(back));
  REQUIRE(unwrapped);
  CHECK(*unwrapped == operation.data);
  back.data[0] ^= 1;
  CHECK(!stage.run(provider.unwrap_key(back)));
}

inline void signs_and_verifies(CryptoStage& stage, crypto::CryptoProvider& provider, crypto::Operation operation) {
  INFO(operation.algorithm);
  const auto signature = stage.run(provider.sign(operation));
  REQUIRE(signature);
  auto check = operation;
  check.signature = *signature;
  CHECK(stage.run(provider.verify(check)).value());
  check.data[0] ^= 1;
  CHECK(!stage.run(provider.verify(check)).value());
  check.signature = "x";
  CHECK(!stage.run(provider.verify(check)).value());
}

inline void crypto_provider(CryptoStage& stage, crypto::CryptoProvider& provider, const CryptoKeys& keys) {
  const std::string digest(32, 'd');
  seals_and_opens(
      stage,
      provider,
      {.algorithm = "A256GCM", .key = keys.octets, .data = "hello", .nonce = std::string(12, 'n'), .associated_data = "a"}
  );
  wraps_and_unwraps(stage, provider, {.algorithm = "A256KW", .key = keys.octets, .data = digest});
  wraps_and_unwraps(stage, provider, {.algorithm = "RSA-OAEP-256", .key = keys.rsa, .data = digest});
  signs_and_verifies(stage, provider, {.algorithm = "RS256", .key = keys.rsa, .data = digest});
  signs_and_verifies(stage, provider, {.algorithm = "ES256", .key = keys.ec, .data = digest});

  const auto pair = stage.run(provider.get_key(keys.rsa));
  REQUIRE(pair);
  CHECK(crypto::public_pem(*pair).value().starts_with("-----BEGIN PUBLIC KEY-----\n"));

  const auto failure = [](const auto& result) { return result ? std::string("no failure") : result.error().message; };
  CHECK(failure(stage.run(provider.get_key(keys.octets))) == "key not found");
  CHECK(failure(stage.run(provider.wrap_key({.algorithm = "A256KW", .key = keys.rsa, .data = digest}))) ==
        "failed to encrypt data: key type mismatch");
  CHECK(failure(stage.run(provider.wrap_key({.algorithm = "NONE", .key = keys.octets, .data = digest}))) ==
        "failed to encrypt data: unsupported algorithm");
  CHECK(failure(stage.run(provider.wrap_key({.algorithm = "A256KW", .key = "missing", .data = digest})))
            .starts_with("failed to retrieve the key encryption key: "));
}

}  // namespace mecha::conformance
