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
  std::string key;  ///< The name of the key.
  std::string algorithm;    ///< Wraps the document's key: `A256KW`, `RSA-OAEP-256` and others.
  std::string cipher = {};  ///< `aes-gcm` (empty) or `chacha20-poly1305`.
  bool omit_decryption_key = false;  ///< Do not name the key in the document.
  std::string decryption_key = {};   ///< Name this one in the document instead.
};

/// Settings of decrypting a document.
struct DecryptOptions {
  std::string key = {};  ///< Empty: the one that the document names.
};

/// The two forms of a public key.
enum class KeyFormat : int { pem = 0, json = 1 };

/// One operation with a key (alpha; official sidecars are built without it, mechad has it where the
/// feature `SubtleCrypto` is enabled; otherwise `unimplemented`). Which algorithm needs which of the
/// bytes is up to it.
struct SubtleRequest {
  std::string provider;  ///< The name of the component.
  std::string key;  ///< The name of the key.
  std::string algorithm;  ///< Of JSON Web Algorithms, such as `A256GCM`, `RSA-OAEP-256`, `PS256`.
  std::string data;       ///< What it is done to: a text, a key or a digest.
  std::string nonce = {};  ///< What some algorithms begin with; used once for each key.
  std::string associated_data = {};  ///< Bound to the result, but not in it.
  std::string tag = {};        ///< Of what is decrypted or unwrapped.
  std::string signature = {};  ///< To be verified.
};

/// Bytes that were encrypted or wrapped, with the tag of an algorithm that has one.
struct Sealed {
  std::string data;  ///< The result: ciphertext, wrapped key or signature.
  std::string tag;  ///< Of algorithms that authenticate; needed to open it again.
};

/// What one operation of the typed face may name besides key, algorithm and data.
struct SubtleOptions {
  std::string nonce = {};  ///< See SubtleRequest.
  std::string associated_data = {};  ///< Must be the same when it is opened.
  std::string tag = {};  ///< What Sealed gave; for opening.
};

/// A document on its way through the sidecar. It begins with the first call. One `write` and one
/// `read` may wait at a time, from two coroutines or threads: who only writes will be stopped by a
/// full pipe. Destroying it cancels, but not while one of them waits. It may outlive the client.
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
  /// Ends the stream: what waits and what comes later fails with `cancelled`. Any thread.
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
  /// The other way round.
  virtual std::unique_ptr<ByteStream> decrypt(
      std::string provider, DecryptOptions decrypt, CallOptions options
  );

  /// The public part of a key.
  virtual Task<Result<std::string>> subtle_get_key(
      std::string provider, std::string key, KeyFormat format, CallOptions options
  );
  /// Encrypts a short plaintext.
  virtual Task<Result<Sealed>> subtle_encrypt(SubtleRequest request, CallOptions options);
  /// The other way round.
  virtual Task<Result<std::string>> subtle_decrypt(SubtleRequest request, CallOptions options);
  /// Encrypts a key with another.
  virtual Task<Result<Sealed>> subtle_wrap_key(SubtleRequest request, CallOptions options);
  /// The other way round.
  virtual Task<Result<std::string>> subtle_unwrap_key(SubtleRequest request, CallOptions options);
  /// Signs a digest.
  virtual Task<Result<std::string>> subtle_sign(SubtleRequest request, CallOptions options);
  /// Whether a signature of a digest is right.
  virtual Task<Result<bool>> subtle_verify(SubtleRequest request, CallOptions options);
};

namespace detail {
/// Sends all of `input` through the stream and collects the output.
Task<Result<std::string>> pump(std::unique_ptr<ByteStream> stream, std::string input);
}  // namespace detail

/// ByteStream for either face. Movable, but not while a call waits. Threads: as ByteStream. It may
/// outlive the client that it comes from.
template <class Mode>
class BasicCryptoStream {
 public:
  /// Over any implementation of the stream.
  explicit BasicCryptoStream(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}

  /// Gives it the next piece of the input.
  auto write(std::string piece) -> typename Mode::template Return<void> {
    return Mode::run(stream_->write(std::move(piece)));
  }
  /// Says that the input is complete.
  auto finish() -> typename Mode::template Return<void> { return Mode::run(stream_->finish()); }
  /// The next piece of the output; empty at its end.
  auto read() -> typename Mode::template Return<std::optional<std::string>> {
    return Mode::run(stream_->read());
  }
  /// Ends the stream, from any thread.
  void cancel() noexcept { stream_->cancel(); }

 private:
  std::unique_ptr<ByteStream> stream_;
};

/// A provider of cryptography by name. A cheap value; any thread.
template <class Mode>
class BasicCrypto {
 public:
  /// Over any implementation of the calls.
  BasicCrypto(std::shared_ptr<CryptoApi> api, std::string name)
      : api_(std::move(api)), name_(std::move(name)) {}

  /// Of the component.
  const std::string& name() const noexcept { return name_; }

  /// A document that is in memory as a whole.
  auto encrypt(std::string plain, EncryptOptions encrypt, CallOptions options = {}) const ->
      typename Mode::template Return<std::string> {
    return Mode::run(
        detail::pump(api_->encrypt(name_, std::move(encrypt), std::move(options)), std::move(plain))
    );
  }
  /// The plaintext of a document that `encrypt` made.
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
  /// The same for documents that are long or not there yet.
  BasicCryptoStream<Mode> decrypt_stream(DecryptOptions decrypt = {}, CallOptions options = {})
      const {
    return BasicCryptoStream<Mode>(api_->decrypt(name_, std::move(decrypt), std::move(options)));
  }

  // Single operations on bytes, see SubtleRequest.

  /// The public part of a key.
  auto public_key(std::string key, KeyFormat format = KeyFormat::pem, CallOptions options = {}) const ->
      typename Mode::template Return<std::string> {
    return Mode::run(api_->subtle_get_key(name_, std::move(key), format, std::move(options)));
  }
  /// Encrypts a short plaintext with a key of the provider.
  auto encrypt_bytes(
      std::string key, std::string algorithm, std::string plain, SubtleOptions subtle = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<Sealed> {
    return Mode::run(api_->subtle_encrypt(
        request(std::move(key), std::move(algorithm), std::move(plain), std::move(subtle)), std::move(options)
    ));
  }
  /// The plaintext of what `encrypt_bytes` made.
  auto decrypt_bytes(
      std::string key, std::string algorithm, std::string sealed, SubtleOptions subtle = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<std::string> {
    return Mode::run(api_->subtle_decrypt(
        request(std::move(key), std::move(algorithm), std::move(sealed), std::move(subtle)), std::move(options)
    ));
  }
  /// Encrypts a key with one of the provider.
  auto wrap_key(
      std::string key, std::string algorithm, std::string plain, SubtleOptions subtle = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<Sealed> {
    return Mode::run(api_->subtle_wrap_key(
        request(std::move(key), std::move(algorithm), std::move(plain), std::move(subtle)), std::move(options)
    ));
  }
  /// The key that `wrap_key` encrypted.
  auto unwrap_key(
      std::string key, std::string algorithm, std::string wrapped, SubtleOptions subtle = {}, CallOptions options = {}
  ) const -> typename Mode::template Return<std::string> {
    return Mode::run(api_->subtle_unwrap_key(
        request(std::move(key), std::move(algorithm), std::move(wrapped), std::move(subtle)), std::move(options)
    ));
  }
  /// The signature of a digest.
  auto sign(std::string key, std::string algorithm, std::string digest, CallOptions options = {}) const ->
      typename Mode::template Return<std::string> {
    return Mode::run(api_->subtle_sign(
        request(std::move(key), std::move(algorithm), std::move(digest), {}), std::move(options)
    ));
  }
  /// Whether a signature fits: `verify(...).value_or(false)`; the result itself is no answer to an
  /// `if`.
  auto verify(
      std::string key, std::string algorithm, std::string digest, std::string signature, CallOptions options = {}
  ) const -> typename Mode::template Return<bool> {
    auto asked = request(std::move(key), std::move(algorithm), std::move(digest), {});
    asked.signature = std::move(signature);
    return Mode::run(api_->subtle_verify(std::move(asked), std::move(options)));
  }

 private:
  SubtleRequest request(
      std::string key, std::string algorithm, std::string data, SubtleOptions subtle
  ) const {
    return {
        name_,
        std::move(key),
        std::move(algorithm),
        std::move(data),
        std::move(subtle.nonce),
        std::move(subtle.associated_data),
        std::move(subtle.tag)
    };
  }

  std::shared_ptr<CryptoApi> api_;
  std::string name_;
};

using Crypto = BasicCrypto<Async>;

}  // namespace mecha
