#include "runtime/base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "runtime/base/text.hpp"

namespace mecha {
namespace {

constexpr std::size_t kPiece = 64 << 10;

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

std::unexpected<Error> cannot(const char* what, const std::string& path, int error) {
  return fail(error == EISDIR ? Code::invalid_argument : Code::not_found, std::string(what) + " " + path + ": " + system_message(error));
}

}  // namespace

std::string system_message(int error) {
  auto message = std::generic_category().message(error);
  if (!message.empty()) message[0] = text::lower(message.substr(0, 1))[0];
  return message;
}

Result<std::string> read_file(const std::string& path, std::size_t max) {
  // Not blocking: opening a pipe without a writer would hold the thread.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.number < 0) return cannot("open", path, errno);
  struct stat about {};
  if (::fstat(file.number, &about) != 0) return cannot("read", path, errno);
  // It is open: from here on, who writes slowly into a pipe is waited for.
  if (!S_ISREG(about.st_mode)) ::fcntl(file.number, F_SETFL, 0);
  std::string all;
  std::size_t size = 0;
  for (;;) {
    const auto known = about.st_size > 0 ? static_cast<std::size_t>(about.st_size) : 0;
    // One byte more than there should be: the end is found without another piece.
    if (size == all.size()) all.resize(size < known ? std::min(known, max) + 1 : size + kPiece);
    const auto got = ::read(file.number, all.data() + size, all.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot("read", path, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
    if (size > max) {
      return fail(Code::invalid_argument, "read " + path + ": it has more than " + std::to_string(max) + " bytes");
    }
  }
  all.resize(size);
  return all;
}

}  // namespace mecha
