// Parser of replies: hiredis's reader, told to build Replies. Bytes in, replies out; no I/O.

#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "components/redis/reply.hpp"

namespace mecha::redis {

class Parser {
 public:
  Parser();
  ~Parser();
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  void feed(std::string_view bytes);
  // The next whole reply; empty while more bytes are needed. Fails when the peer does not speak the protocol, for good.
  Result<std::optional<Reply>> next();

 private:
  struct Reader;
  std::unique_ptr<Reader> reader_;
};

}  // namespace mecha::redis
