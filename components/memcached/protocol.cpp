#include "components/memcached/protocol.hpp"

#include <algorithm>
#include <utility>

#include "runtime/base/text.hpp"

namespace mecha::memcached {
namespace {

constexpr std::size_t kKeyMax = 250;
constexpr std::size_t kLineMax = 2048;
constexpr std::int64_t kValueMax = std::int64_t{1} << 30;  // the largest item that a server can be told to take
constexpr std::string_view kServerError = "SERVER_ERROR ";
constexpr std::string_view kEnd = "\r\nEND\r\n";

std::unexpected<Error> unexpected_answer(std::string_view line) {
  return fail(Code::unavailable, "unexpected answer \"" + std::string(line.substr(0, 100)) + '"');
}

}  // namespace

Result<void> check_key(std::string_view key) {
  const auto odd = [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == '\x7f'; };
  if (key.empty() || key.size() > kKeyMax || std::ranges::any_of(key, odd)) {
    return fail(Code::invalid_argument, "malformed: key is too long or contains invalid characters");
  }
  return {};
}

void append_to(std::string& bytes, const Command& command) {
  switch (command.verb) {
    case Verb::version: bytes += "version\r\n"; return;
    case Verb::get: bytes.append("get ").append(command.key).append("\r\n"); return;
    case Verb::remove: bytes.append("delete ").append(command.key).append("\r\n"); return;
    case Verb::set: break;
  }
  bytes.append("set ").append(command.key).append(" 0 ").append(std::to_string(command.expiry)) += ' ';
  bytes.append(std::to_string(command.value.size())).append("\r\n").append(command.value).append("\r\n");
}

Result<std::optional<Answer>> AnswerReader::next(const Command& command) {
  const auto end = bytes_.find("\r\n");
  if (end == std::string::npos) {
    if (bytes_.size() > kLineMax) return unexpected_answer(bytes_);
    return std::nullopt;
  }
  const auto line = bytes_.substr(0, end);
  if (command.verb == Verb::get && line.starts_with("VALUE ")) return value(command, line);
  skip(end + 2);
  // The server has read the command to its end: the connection goes on.
  if (line.starts_with(kServerError)) return Answer(fail(Code::unknown, line.substr(kServerError.size())));
  switch (command.verb) {
    case Verb::get:
      if (line == "END") return Answer(std::nullopt);
      break;
    case Verb::set:
      if (line == "STORED") return Answer(std::nullopt);
      break;
    case Verb::remove:
      if (line == "DELETED" || line == "NOT_FOUND") return Answer(std::nullopt);
      break;
    case Verb::version:
      if (line.starts_with("VERSION ")) return Answer(line.substr(8));
      break;
  }
  return unexpected_answer(line);
}

// "VALUE <key> <flags> <size>", the bytes, "END".
Result<std::optional<Answer>> AnswerReader::value(const Command& command, std::string_view line) {
  const auto words = text::split(line, ' ');
  if (words.size() < 4 || words[1] != command.key) return unexpected_answer(line);
  const auto size = text::to_int(words[3]);
  if (!size || *size < 0 || *size > kValueMax) return unexpected_answer(line);
  const auto from = line.size() + 2;
  const auto length = static_cast<std::size_t>(*size);
  if (bytes_.size() < from + length + kEnd.size()) return std::nullopt;
  if (bytes_.compare(from + length, kEnd.size(), kEnd) != 0) return unexpected_answer(line);
  auto found = bytes_.substr(from, length);
  skip(from + length + kEnd.size());
  return Answer(std::move(found));
}

}  // namespace mecha::memcached
