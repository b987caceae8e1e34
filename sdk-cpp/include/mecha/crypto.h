// Cryptography: documents encrypted and decrypted by the sidecar, whole or as streams; keys never
// leave it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "mecha/mode.h"

namespace mecha {

/// How to encrypt. `key` and `algorithm` are required by the sidecar.
struct EncryptOptions {
  std::string key;
  std::string algorithm;    ///< Wraps the document's key: `A256KW`, `RSA-OAEP-256` and others.
  std::string cipher = {};  ///< `aes-gcm` (empty) or `chacha20-poly1305`.
  bool omit_decryption_key = false;  ///< Do not name the key in the document.
  std::string decryption_key = {};   ///< Name this one in the document instead.
};

struct DecryptOptions {
  std::string key = {};  ///< Empty: the one that the document names.
};

/// A document on its way through the sidecar. It begins with the first call. One `write` and one
/// `read` may wait at a time, from two coroutines or threads: who only writes will be stopped by a
/// full pipe. Destroying it cancels.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Hands on a piece of any size. Fails when the sidecar has ended the stream; `read` then says
  /// why.
  virtual Task<Result<void>> write(std::string piece) = 0;
  /// The input ends here.
  virtual Task<Result<void>> finish() = 0;
  /// The next piece of the output; empty at the end of a document that is whole. Output before an
  /// error is not to be trusted.
  virtual Task<Result<std::optional<std::string>>> read() = 0;
  virtual void cancel() noexcept = 0;
};

/// See StateApi for what overrides are held to.
class CryptoApi {
 public:
  virtual ~CryptoApi() = default;
  /// Never null. `options.timeout` limits the whole stream when it is set; the default of the
  /// client does not.
  virtual std::unique_ptr<ByteStream> encrypt(
      std::string provider, EncryptOptions encrypt, CallOptions options
  );
  virtual std::unique_ptr<ByteStream> decrypt(
      std::string provider, DecryptOptions decrypt, CallOptions options
  );
};

namespace detail {
/// Sends all of `input` through the stream and collects the output.
Task<Result<std::string>> pump(std::unique_ptr<ByteStream> stream, std::string input);
}  // namespace detail

/// ByteStream for either face.
template <class Mode>
class BasicCryptoStream {
 public:
  explicit BasicCryptoStream(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  auto write(std::string piece) -> typename Mode::template Return<void> {
    return Mode::run(stream_->write(std::move(piece)));
  }
  auto finish() -> typename Mode::template Return<void> { return Mode::run(stream_->finish()); }
  auto read() -> typename Mode::template Return<std::optional<std::string>> {
    return Mode::run(stream_->read());
  }
  void cancel() noexcept { stream_->cancel(); }

 private:
  std::unique_ptr<ByteStream> stream_;
};

/// A provider of cryptography by name. A cheap value; any thread.
template <class Mode>
class BasicCrypto {
 public:
  BasicCrypto(std::shared_ptr<CryptoApi> api, std::string name)
      : api_(std::move(api)), name_(std::move(name)) {}

  const std::string& name() const noexcept { return name_; }

  /// A document that is in memory as a whole.
  auto encrypt(std::string plain, EncryptOptions encrypt, CallOptions options = {}) const ->
      typename Mode::template Return<std::string> {
    return Mode::run(
        detail::pump(api_->encrypt(name_, std::move(encrypt), std::move(options)), std::move(plain))
    );
  }
  auto decrypt(std::string document, DecryptOptions decrypt = {}, CallOptions options = {}) const ->
      typename Mode::template Return<std::string> {
    return Mode::run(detail::pump(
        api_->decrypt(name_, std::move(decrypt), std::move(options)), std::move(document)
    ));
  }

  /// A document piece by piece.
  BasicCryptoStream<Mode> encrypt_stream(EncryptOptions encrypt, CallOptions options = {}) const {
    return BasicCryptoStream<Mode>(api_->encrypt(name_, std::move(encrypt), std::move(options)));
  }
  BasicCryptoStream<Mode> decrypt_stream(DecryptOptions decrypt = {}, CallOptions options = {})
      const {
    return BasicCryptoStream<Mode>(api_->decrypt(name_, std::move(decrypt), std::move(options)));
  }

 private:
  std::shared_ptr<CryptoApi> api_;
  std::string name_;
};

using Crypto = BasicCrypto<Async>;

}  // namespace mecha
