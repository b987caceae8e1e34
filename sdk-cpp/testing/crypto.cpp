// Encryption and decryption as streams with a bound, as those over the wire have one.

#include <algorithm>
#include <array>

#include "testing/fake_api.h"
#include "testing/scramble.h"

namespace mecha::testing::detail {
namespace {

using Piece = Result<std::optional<std::string>>;
constexpr std::size_t most_waiting = std::size_t{1} << 20;

Error ended() {
  return mecha::fail(Code::failed_precondition, "the stream has ended; reading tells why");
}
Error invalid(const std::string& what) {
  return mecha::fail(Code::invalid_argument, "invalid request: " + what);
}
Error failed(const std::string& what) {
  return mecha::fail(Code::internal, "failed to perform operation: " + what);
}

/// Guarded by the mutex of the hub.
struct Pipe {
  Site site;
  CallOptions options;
  std::function<Result<void>(Hub&)> check;  ///< Under the lock, before anything else.
  std::unique_ptr<Transform> transform;
  bool begun = false;
  bool input_ended = false;
  std::string output;
  std::optional<Error> error;
  std::shared_ptr<Slot<Piece>> reader;
  std::shared_ptr<Slot<Result<void>>> writer;
};

// Tells who can go on. Takes the lock.
void wake(Hub& hub, Pipe& pipe) {
  std::shared_ptr<Slot<Piece>> reader;
  std::shared_ptr<Slot<Result<void>>> writer;
  Piece piece;
  Result<void> room;
  {
    const std::lock_guard lock(hub.mutex);
    if (pipe.reader && (pipe.error || pipe.input_ended || !pipe.output.empty())) {
      reader = std::exchange(pipe.reader, nullptr);
      if (pipe.error) piece = *pipe.error;
      else if (!pipe.output.empty()) piece = std::optional(std::exchange(pipe.output, {}));
    }
    if (pipe.writer && (pipe.error || pipe.output.size() <= most_waiting)) {
      writer = std::exchange(pipe.writer, nullptr);
      if (pipe.error) room = ended();
    }
  }
  if (reader) reader->give(std::move(piece));
  if (writer) writer->give(std::move(room));
}

void fail_pipe(Hub& hub, Pipe& pipe, Error error) {
  {
    const std::lock_guard lock(hub.mutex);
    if (!pipe.error) pipe.error = std::move(error);
    pipe.output.clear();
  }
  wake(hub, pipe);
}

// The first call, whichever it is, is the call that scripts and records know.
Task<void> begin(std::shared_ptr<Hub> hub, std::shared_ptr<Pipe> pipe) {
  {
    const std::lock_guard lock(hub->mutex);
    if (std::exchange(pipe->begun, true) || pipe->error) co_return;
  }
  auto admitted = co_await run<void>(hub, pipe->site, pipe->options, [pipe](Hub& to) {
    const std::lock_guard lock(to.mutex);
    return pipe->check(to);
  });
  if (!admitted) fail_pipe(*hub, *pipe, admitted.error());
}

// An empty optional is the end of the input.
Task<Result<void>> put(
    std::shared_ptr<Hub> hub, std::shared_ptr<Pipe> pipe, std::optional<std::string> piece
) {
  co_await begin(hub, pipe);
  std::shared_ptr<Slot<Result<void>>> slot;
  bool refused = false;
  {
    const std::lock_guard lock(hub->mutex);
    if (pipe->error || pipe->input_ended) co_return ended();
    if (pipe->writer)
      co_return mecha::fail(Code::failed_precondition, "a write of this stream is under way");
    auto made = piece ? pipe->transform->add(*piece) : pipe->transform->end();
    pipe->input_ended = !piece;
    if (made) pipe->output += *made;
    else pipe->error = std::move(made).error();
    refused = pipe->error.has_value();
    if (!refused && piece && pipe->output.size() > most_waiting)
      slot = pipe->writer = std::make_shared<Slot<Result<void>>>();
  }
  wake(*hub, *pipe);
  if (refused) co_return ended();
  if (!slot) co_return Result<void>();
  auto room = co_await slot->wait(pipe->options.stop, Result<void>(stopped()));
  if (!room && room.error().code == Code::cancelled) fail_pipe(*hub, *pipe, room.error());
  co_return room;
}

Task<Piece> get(std::shared_ptr<Hub> hub, std::shared_ptr<Pipe> pipe) {
  co_await begin(hub, pipe);
  auto slot = std::make_shared<Slot<Piece>>();
  {
    const std::lock_guard lock(hub->mutex);
    if (pipe->reader)
      co_return mecha::fail(Code::failed_precondition, "a read of this stream is under way");
    pipe->reader = slot;
  }
  wake(*hub, *pipe);
  auto piece = co_await slot->wait(pipe->options.stop, Piece(stopped()));
  if (!piece && piece.error().code == Code::cancelled) fail_pipe(*hub, *pipe, piece.error());
  co_return piece;
}

class FakeBytes final : public ByteStream {
 public:
  FakeBytes(std::shared_ptr<Hub> hub, std::shared_ptr<Pipe> pipe)
      : hub_(std::move(hub)), pipe_(std::move(pipe)) {}
  ~FakeBytes() override { cancel(); }

  Task<Result<void>> write(std::string piece) override {
    return put(hub_, pipe_, std::optional<std::string>(std::move(piece)));
  }
  Task<Result<void>> finish() override { return put(hub_, pipe_, std::nullopt); }
  Task<Piece> read() override { return get(hub_, pipe_); }
  void cancel() noexcept override { fail_pipe(*hub_, *pipe_, ended_by_caller()); }

 private:
  std::shared_ptr<Hub> hub_;
  std::shared_ptr<Pipe> pipe_;
};

Result<void> check_provider(const Hub& hub, const std::string& provider) {
  const auto known = hub.known("crypto", provider);
  if (known == Hub::Known::none)
    return mecha::fail(Code::internal, "crypto providers not configured");
  if (provider.empty()) return invalid("missing component name");
  if (known == Hub::Known::yes) return {};
  return mecha::fail(Code::invalid_argument, "crypto provider " + provider + " not found");
}

bool has_key(const Hub& hub, const std::string& provider, const std::string& key) {
  const auto found = hub.keys.find(provider);
  return key.empty() || found == hub.keys.end() || found->second.contains(key);
}

Result<void> check_encrypt(const Hub& hub, const std::string& provider, const EncryptOptions& options) {
  static constexpr std::array algorithms{
      "A256KW", "AES", "A128CBC", "A192CBC", "A256CBC", "RSA-OAEP-256", "RSA"
  };
  const auto missing = [](const char* name) {
    return invalid(std::string("missing property '") + name + "' in the options message");
  };
  if (options.key.empty()) return missing("keyName");
  if (options.algorithm.empty()) return missing("keyWrapAlgorithm");
  if (auto there = check_provider(hub, provider); !there) return there;
  const auto upper = [](std::string text) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return text;
  };
  const auto algorithm = upper(options.algorithm);
  if (std::find(algorithms.begin(), algorithms.end(), algorithm) == algorithms.end()) {
    return failed(
        "option Algorithm is not valid: algorithm " + algorithm + " is not supported"
    );
  }
  const auto cipher = upper(options.cipher);
  if (!cipher.empty() && cipher != "AES-GCM" && cipher != "CHACHA20-POLY1305") {
    return failed("option Cipher is not valid: cipher " + cipher + " is not supported");
  }
  if (has_key(hub, provider, options.key)) return {};
  return failed("failed to wrap the file key: key " + options.key + " does not exist");
}

Result<void> check_decrypt(const Hub& hub, const std::string& provider, const DecryptOptions& options) {
  if (auto there = check_provider(hub, provider); !there) return there;
  if (has_key(hub, provider, options.key)) return {};
  return failed("failed to validate the document's signature");
}

}  // namespace

std::unique_ptr<ByteStream> FakeApi::encrypt(
    std::string provider, EncryptOptions encrypt, CallOptions options
) {
  auto pipe = std::make_shared<Pipe>();
  pipe->site = {Call::encrypt, provider, {encrypt.key}};
  pipe->options = std::move(options);
  pipe->transform = std::make_unique<Scramble>(encrypt);
  pipe->check = [provider = std::move(provider), encrypt = std::move(encrypt)](Hub& hub) {
    return check_encrypt(hub, provider, encrypt);
  };
  return std::make_unique<FakeBytes>(hub_, std::move(pipe));
}

std::unique_ptr<ByteStream> FakeApi::decrypt(
    std::string provider, DecryptOptions decrypt, CallOptions options
) {
  auto pipe = std::make_shared<Pipe>();
  pipe->site = {Call::decrypt, provider, {decrypt.key}};
  pipe->options = std::move(options);
  pipe->transform = std::make_unique<Unscramble>(decrypt.key);
  pipe->check = [provider = std::move(provider), decrypt = std::move(decrypt)](Hub& hub) {
    return check_decrypt(hub, provider, decrypt);
  };
  return std::make_unique<FakeBytes>(hub_, std::move(pipe));
}

}  // namespace mecha::testing::detail
