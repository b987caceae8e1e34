#include "runtime/capabilities/crypto/spool.hpp"

#include <cerrno>
#include <filesystem>
#include <functional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "components/crypto/primitives.hpp"

namespace mecha::crypto {
namespace {

constexpr std::size_t kBlockBytes = 256 << 10, kSealedBlockBytes = kBlockBytes + kTagBytes;

std::string nonce_of(std::uint64_t block) {
  std::string nonce(kNonceBytes, '\0');
  for (std::size_t i = 0; i < 8; ++i) nonce[i] = static_cast<char>(block >> (8 * i));
  return nonce;
}

std::unexpected<Error> broken(std::string_view what) {
  return fail(Code::internal, "failed to " + std::string(what) + " a temporary file: " + std::generic_category().message(errno));
}

}  // namespace

// Blocks of one size, each sealed under its number. On the bridge's thread.
class Spool::File {
 public:
  static Result<std::shared_ptr<File>> make() {
    std::error_code error;
    const auto folder = std::filesystem::temp_directory_path(error);
    if (error) return fail(Code::internal, error.message());
    int descriptor = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor < 0) {
      auto name = (folder / "mecha-XXXXXX").string();
      descriptor = ::mkostemp(name.data(), O_CLOEXEC);
      if (descriptor >= 0) ::unlink(name.c_str());
    }
    if (descriptor < 0) return broken("make");
    return std::make_shared<File>(descriptor);
  }

  explicit File(int descriptor) : descriptor_(descriptor), key_(random_bytes(key_bytes(kCipher))) {}
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  Result<bool> put(std::uint64_t block, std::string_view bytes) const {
    std::string sealed;
    seal(kCipher, key_, nonce_of(block), {}, bytes, sealed);
    std::string_view left = sealed;
    auto at = static_cast<off_t>(block * kSealedBlockBytes);
    while (!left.empty()) {
      const auto done = ::pwrite(descriptor_, left.data(), left.size(), at);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return broken("write");
      left.remove_prefix(static_cast<std::size_t>(done));
      at += done;
    }
    return true;
  }

  Result<std::string> get(std::uint64_t block) const {
    std::string sealed(kSealedBlockBytes, '\0');
    std::size_t have = 0;
    while (have < sealed.size()) {
      const auto at = static_cast<off_t>(block * kSealedBlockBytes + have);
      const auto done = ::pread(descriptor_, sealed.data() + have, sealed.size() - have, at);
      if (done < 0 && errno == EINTR) continue;
      if (done <= 0) return broken("read");
      have += static_cast<std::size_t>(done);
    }
    std::string bytes;
    if (!open(kCipher, key_, nonce_of(block), {}, sealed, bytes)) return fail(Code::data_loss, "a temporary file was changed");
    return bytes;
  }

 private:
  static constexpr Aead kCipher = Aead::aes_256_gcm;
  const int descriptor_;
  const std::string key_;
};

Spool::Spool(Bridge& files, std::size_t memory_max) : files_(files), memory_max_(memory_max) {}
Spool::~Spool() = default;

Async<void> Spool::write(std::string piece) {
  size_ += piece.size();
  memory_ += piece;
  if (has_no_file_ || (file_ == nullptr && size_ <= memory_max_) || memory_.size() < kBlockBytes) co_return Result<void>{};
  co_return co_await spill();
}

// Whole blocks go to the file.
Async<void> Spool::spill() {
  if (file_ == nullptr) {
    std::function<Result<std::shared_ptr<File>>()> make = [] { return File::make(); };
    auto made = co_await files_.call<std::shared_ptr<File>>(std::move(make));
    has_no_file_ = !made;
    if (has_no_file_) co_return Result<void>{};
    file_ = *std::move(made);
  }
  std::string rest = memory_.substr(memory_.size() / kBlockBytes * kBlockBytes);
  std::string whole = std::move(memory_);
  whole.resize(whole.size() - rest.size());
  memory_ = std::move(rest);
  const auto blocks = whole.size() / kBlockBytes;
  std::function<Result<bool>()> put = [file = file_, first = written_, blocks, whole = std::move(whole)]() -> Result<bool> {
    for (std::size_t i = 0; i < blocks; ++i) {
      MECHA_TRY_VOID(file->put(first + i, std::string_view(whole).substr(i * kBlockBytes, kBlockBytes)));
    }
    return true;
  };
  written_ += blocks;
  const auto done = co_await files_.call<bool>(std::move(put));
  if (!done) co_return fail(done.error());
  co_return Result<void>{};
}

Async<std::string> Spool::read() {
  if (read_ == written_) co_return std::exchange(memory_, {});
  std::function<Result<std::string>()> get = [file = file_, block = read_++] { return file->get(block); };
  co_return co_await files_.call<std::string>(std::move(get));
}

}  // namespace mecha::crypto
