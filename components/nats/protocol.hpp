// Bytes of the NATS protocol. No I/O.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::nats {

enum class Kind : std::uint8_t { message, info, ping, pong, ok, error };

struct Item {
  Kind kind = Kind::ok;
  std::string text;  // of info and error; the payload of a message
  std::string subject, reply, headers;  // headers as they came, with their first line
  std::uint64_t subscription = 0;

  // 503 of "NATS/1.0 503"; 0 without.
  int status() const;
  // Value of a header; empty if there is none.
  std::string_view header(std::string_view name) const;
};

// Cuts a stream into items.
class ItemReader {
 public:
  void feed(std::string_view bytes) { bytes_ += bytes; }
  // Empty: more bytes are needed.
  Result<std::optional<Item>> next();

 private:
  Result<std::optional<Item>> read_message(std::string_view line, std::size_t line_end, bool with_headers);
  void consume(std::size_t size);
  std::string bytes_;
  std::size_t at_ = 0;
};

// `headers` empty: PUB, else HPUB.
std::string write_publish(std::string_view subject, std::string_view reply, std::string_view headers, std::string_view payload);
// Subjects: not empty, no blanks, no control characters.
bool is_subject(std::string_view subject);

}  // namespace mecha::nats
