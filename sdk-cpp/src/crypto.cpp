// Encryption and decryption over the wire: pieces with numbers in both directions.

#include "mecha/crypto.h"

#include <utility>

#include "mecha/when_all.h"
#include "src/duplex.h"
#include "src/remote.h"

namespace mecha {
namespace {

Task<Result<void>> feed(ByteStream& stream, std::string input) {
  auto written = co_await stream.write(std::move(input));
  if (!written) co_return std::move(written).error();
  co_return co_await stream.finish();
}

Task<Result<std::string>> drain(ByteStream& stream) {
  std::string output;
  for (;;) {
    auto piece = co_await stream.read();
    if (!piece) co_return std::move(piece).error();
    if (!*piece) co_return output;
    output += **piece;
  }
}

}  // namespace

Task<Result<std::string>> detail::pump(std::unique_ptr<ByteStream> stream, std::string input) {
  auto both = co_await when_all(feed(*stream, std::move(input)), drain(*stream));
  // Why the stream ended stands on the side that reads.
  if (both.second && !both.first) co_return std::move(both.first).error();
  co_return std::move(both.second);
}

namespace wire {
namespace {

// Far below the sidecar's limit of a message, and large enough that numbers and headers cost
// nothing.
constexpr std::size_t piece_size = std::size_t{64} << 10;

template <class Request, class Response>
class RemoteBytes final : public ByteStream {
 public:
  /// `first` carries the options.
  RemoteBytes(std::shared_ptr<const Core> core, Rpc rpc, CallOptions options, Request first)
      : call_(std::make_shared<Duplex<Request, Response>>(std::move(core), rpc, std::move(options))
        ),
        next_(std::move(first)) {}
  ~RemoteBytes() override { call_->cancel(); }

  Task<Result<void>> write(std::string piece) override {
    std::string_view left = piece;
    do {
      const auto part = left.substr(0, piece_size);
      left.remove_prefix(part.size());
      next_.mutable_payload()->set_data(part.data(), part.size());
      next_.mutable_payload()->set_seq(written_++);
      begun_ = true;
      auto sent = co_await call_->write(std::exchange(next_, Request()));
      if (!sent) co_return std::move(sent).error();
    } while (!left.empty());
    co_return Result<void>();
  }

  Task<Result<void>> finish() override {
    if (!begun_) {
      auto sent = co_await call_->write(std::exchange(next_, Request()));
      if (!sent) co_return std::move(sent).error();
    }
    co_return co_await call_->finish();
  }

  Task<Result<std::optional<std::string>>> read() override {
    auto message = co_await call_->read();
    if (!message) co_return std::move(message).error();
    if (!*message) co_return std::optional<std::string>();
    auto& payload = *(*message)->mutable_payload();
    if (payload.seq() != read_++) {
      call_->cancel();
      co_return fail(Code::data_loss, "a piece of the document is missing or out of order");
    }
    co_return std::move(*payload.mutable_data());
  }

  void cancel() noexcept override { call_->cancel(); }

 private:
  std::shared_ptr<Duplex<Request, Response>> call_;
  Request next_;
  bool begun_ = false;
  std::uint64_t written_ = 0, read_ = 0;
};

}  // namespace

std::unique_ptr<ByteStream> Remote::encrypt(
    std::string provider, EncryptOptions encrypt, CallOptions options
) {
  v1::EncryptRequest first;
  auto& to = *first.mutable_options();
  to.set_component_name(std::move(provider));
  to.set_key_name(std::move(encrypt.key));
  to.set_key_wrap_algorithm(std::move(encrypt.algorithm));
  to.set_data_encryption_cipher(std::move(encrypt.cipher));
  to.set_omit_decryption_key_name(encrypt.omit_decryption_key);
  to.set_decryption_key_name(std::move(encrypt.decryption_key));
  return std::make_unique<RemoteBytes<v1::EncryptRequest, v1::EncryptResponse>>(
      core_, Rpc::EncryptAlpha1, std::move(options), std::move(first)
  );
}

std::unique_ptr<ByteStream> Remote::decrypt(
    std::string provider, DecryptOptions decrypt, CallOptions options
) {
  v1::DecryptRequest first;
  first.mutable_options()->set_component_name(std::move(provider));
  first.mutable_options()->set_key_name(std::move(decrypt.key));
  return std::make_unique<RemoteBytes<v1::DecryptRequest, v1::DecryptResponse>>(
      core_, Rpc::DecryptAlpha1, std::move(options), std::move(first)
  );
}

}  // namespace wire
}  // namespace mecha
