// The contract of HTTP middleware: what stands between a request and who answers it, in both directions: requests that
// enter the API, and requests from here to the application (contract 01, section 7).
//
// A middleware sees the head of a request before anything of it is handled. It may change the head, answer by itself, add
// headers to whatever answer comes, and change bodies while they stream. Threads: enter() from any shard.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "components/component.hpp"
#include "runtime/net/message.hpp"

namespace mecha::middleware {

// Changes one body, piece by piece.
class BodyTransform {
 public:
  virtual ~BodyTransform() = default;
  // What may go on after `bytes` have come; the end of a piece may be kept back.
  virtual std::string piece(std::string_view bytes) = 0;
  // What was kept back, when the body has ended.
  virtual std::string end() { return {}; }
};

// An answer of a middleware's own.
struct Reply {
  unsigned status = 200;
  net::Headers headers;
  std::string body;
};

// text/plain; the body is the text of the status unless another one is given.
Reply plain_reply(unsigned status, std::string_view body = {});

// What one middleware does to one request; lives until the answer has gone.
struct Step {
  net::Headers answer_headers;  // given to the answer, before its own of the same names
  std::unique_ptr<BodyTransform> request_body, answer_body;  // null: unchanged
  std::shared_ptr<void> held;   // let go when the request is over
};

class Middleware : public Component {
 public:
  // `remote`: address and port of the client; empty for requests to the application. A reply ends the way inwards.
  // `request` and `step` outlive the call.
  virtual asio::awaitable<std::optional<Reply>> enter(net::RequestHead& request, std::string remote, Step& step) = 0;
};

}  // namespace mecha::middleware
