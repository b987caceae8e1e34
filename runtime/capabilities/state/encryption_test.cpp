// Encryption at rest: the layout of records, choice and rotation of keys, what is refused.

#include "runtime/capabilities/state/encryption.hpp"

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::state;

namespace {

constexpr auto kKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
constexpr auto kOther = "00112233445566778899aabbccddeeff";
constexpr auto kRecord = "AAECAwQFBgcICQoLL2e6d6onl/81O4oEbSgjbc2dBXu7||statekeys";

NameValue key(std::string item, std::string value, std::string secret) {
  NameValue made{.name = std::move(item), .value = std::move(value)};
  if (!secret.empty()) made.secret = SecretRef{.name = std::move(secret)};
  return made;
}

ComponentSpec store(std::vector<NameValue> metadata, std::string secrets = "sec") {
  return {.name = "enc", .metadata = std::move(metadata), .secret_store = std::move(secrets)};
}

Encryption with(std::vector<NameValue> metadata) { return Encryption::of(store(std::move(metadata))).value().value(); }

std::string why(const Encryption& encryption, std::string_view record) {
  const auto opened = encryption.open(record);
  return opened ? "" : opened.error().message;
}

}  // namespace

TEST_CASE("a record has the layout that both daemons read", "[state][encryption]") {
  const auto encryption = with({key("primaryEncryptionKey", kKey, "statekeys")});
  CHECK(encryption.seal("hello", text::from_hex("000102030405060708090a0b").value()).value() == kRecord);
  CHECK(encryption.open(kRecord).value() == "hello");
}

TEST_CASE("what was sealed opens, each time under another nonce", "[state][encryption]") {
  for (const std::size_t bytes : {16, 24, 32}) {
    const auto encryption = with({key("primaryEncryptionKey", std::string(2 * bytes, 'a'), "s")});
    for (const auto& plain : {std::string(), std::string("x"), std::string(70'000, '\0')}) {
      const auto first = encryption.seal(plain).value();
      CHECK(first != encryption.seal(plain).value());
      CHECK(first.ends_with("||s"));
      CHECK(encryption.open(first).value() == plain);
    }
  }
  CHECK(with({key("primaryEncryptionKey", kKey, "s")}).open("").value().empty());
}

TEST_CASE("rotation reads under the secondary key and writes under the primary one", "[state][encryption]") {
  const auto rotated = with({key("primaryEncryptionKey", kOther, "new"), key("secondaryEncryptionKey", kKey, "statekeys")});
  CHECK(rotated.open(kRecord).value() == "hello");
  CHECK(rotated.seal("x").value().ends_with("||new"));
  // Of two keys under one name the primary is taken.
  const auto same = with({key("primaryEncryptionKey", kOther, "statekeys"), key("secondaryEncryptionKey", kKey, "statekeys")});
  CHECK_FALSE(same.open(kRecord).has_value());
}

TEST_CASE("what cannot be opened says why", "[state][encryption]") {
  const auto encryption = with({key("primaryEncryptionKey", kKey, "statekeys")});
  const std::string start = "could not decrypt data for state store enc: ";
  CHECK(why(encryption, "AAAA||") == start + "encryption key name not found on record");
  CHECK(why(encryption, "AAAA||gone") == start + "the store has no key of the name \"gone\"");
  CHECK(why(encryption, "plain") == start + "the record was not written encrypted");
  CHECK(why(encryption, "!!||statekeys") == "illegal base64 data at input byte 0");
  CHECK(why(encryption, "AAAA||statekeys") == "cipher: message authentication failed");
  CHECK(why(encryption, "AAECAwQFBgcICQoLL2e6d6onl/81O4oEbSgjbc2dBXu8||statekeys") == "cipher: message authentication failed");
}

TEST_CASE("a store encrypts when it has a key and a secret store", "[state][encryption]") {
  const auto primary = key("primaryEncryptionKey", kKey, "s");
  CHECK(Encryption::of(store({primary})).value().has_value());
  CHECK_FALSE(Encryption::of(store({primary}, "")).value().has_value());
  CHECK_FALSE(Encryption::of(store({key("primaryencryptionkey", kKey, "s")})).value().has_value());
  CHECK_FALSE(Encryption::of(store({key("primaryEncryptionKey", "", "s")})).value().has_value());
  CHECK_FALSE(Encryption::of(store({key("secondaryEncryptionKey", kKey, "s")})).value().has_value());
  CHECK(Encryption::of(store({key("primaryEncryptionKey", "not hex", "s")})).error().message == "encoding/hex: invalid byte: U+006E 'n'");
  CHECK(Encryption::of(store({key("primaryEncryptionKey", "0011", "s")})).error().message == "crypto/aes: invalid key size 2");
  CHECK_FALSE(Encryption::of(store({primary, key("secondaryEncryptionKey", "0011", "s")})).has_value());
}
