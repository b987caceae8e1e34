// The text protocol of memcached: commands as bytes, and answers out of bytes.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::memcached {

enum class Verb : std::uint8_t { get, set, remove, version };

struct Command {
  Verb verb = Verb::get;
  std::string key;
  std::string value = {};
  std::int64_t expiry = 0;  // as the server takes it: 0 never, up to 30 days in seconds from now, else Unix time
};

// The value of a get, absent where the key is missing; the text of a version. Fails with the server's words.
using Answer = Result<std::optional<std::string>>;

// Fails for keys that the protocol cannot carry: empty, over 250 bytes, with white space or control characters.
Result<void> check_key(std::string_view key);
void append_to(std::string& bytes, const Command& command);

// Answers come in the order of the commands. After a failure the connection is of no use.
class AnswerReader {
 public:
  void feed(std::string_view bytes) { bytes_.append(bytes); }
  // The answer of `command`, nothing while it is not there whole.
  Result<std::optional<Answer>> next(const Command& command);

 private:
  Result<std::optional<Answer>> value(const Command& command, std::string_view line);
  void skip(std::size_t size) { bytes_.erase(0, size); }

  std::string bytes_;
};

}  // namespace mecha::memcached
