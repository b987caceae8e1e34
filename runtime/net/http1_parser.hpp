// Http1Parser: bytes of an HTTP/1 connection to heads and body pieces, for both directions. The grammar is Beast's;
// what Beast lets pass and a peer behind us may read differently (request smuggling) is refused here.
//
// It keeps no bytes: the caller shows all bytes that are not consumed again, with more behind them.

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"
#include "runtime/net/message.hpp"

namespace mecha::net {

// What a head says about its connection.
struct Http1Facts {
  bool keep_alive = false;
  bool chunked = false;
  bool upgrade = false;          // an Upgrade field is there
  bool expect_continue = false;
  bool expect_other = false;
  bool until_close = false;      // an answer whose body ends with the connection
};

class Http1Parser {
 public:
  enum class Role : std::uint8_t { request, response };

  Http1Parser(Role role, std::size_t head_bytes_max);
  ~Http1Parser();

  // Before each message. `answer_to_head`: the next answer has no body whatever it says.
  void reset(bool answer_to_head = false);

  // Bytes consumed, once the whole head is there; 0: more is needed. An Error of a request carries the status to answer
  // with, and its message is the body of that answer.
  Result<std::size_t> request_head(std::string_view bytes, RequestHead& head, Http1Facts& facts);
  Result<std::size_t> response_head(std::string_view bytes, ResponseHead& head, Http1Facts& facts);

  struct Step {
    std::size_t consumed = 0;  // 0 and not complete(): more is needed
    std::string_view piece;    // of `bytes`, may be empty
  };
  Result<Step> body(std::string_view bytes);
  bool complete() const;
  // The connection has ended: fine for an answer whose body ends so.
  bool end_of_stream();

  // Behind a chunked body.
  Headers& trailers();

 private:
  struct Beast;
  std::unique_ptr<Beast> beast_;
};

// Percent escapes of the path are whole ("%zz" is not).
bool escapes_are_whole(std::string_view path);

}  // namespace mecha::net
