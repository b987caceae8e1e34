// Pipeline: the middleware that a Configuration names, in its order, the first outermost; and Walk, one request's way
// through it (contract 01, 7.1).

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/middleware/middleware.hpp"
#include "runtime/resources/fields.hpp"

namespace mecha::middleware {

// Immutable; null pointers to it stand for "nothing is configured".
struct Pipeline {
  std::vector<std::shared_ptr<Middleware>> members;
};

// A component that handlers may mean. Without an instance it is still being loaded: requests are refused until it is there,
// so that none slips past it.
struct Candidate {
  std::shared_ptr<const ComponentSpec> spec;
  std::shared_ptr<Middleware> instance;
};

// Whether a handler is that component: by name, type and version.
bool means(const HandlerSpec& handler, const ComponentSpec& spec);

// Handlers without a component of their name, type and version are passed over. Null if none is left.
std::shared_ptr<const Pipeline> make_pipeline(
    const std::vector<HandlerSpec>& handlers, const std::vector<Candidate>& candidates
);

// One request's way in and its answer's way out. Not copied or moved while the request lives.
class Walk {
 public:
  // Enters one middleware after another until one replies; the reply still has to go out through the others by
  // finish_head() and answer_piece(). `pipeline` and `request` outlive the call.
  asio::awaitable<std::optional<Reply>> enter(const Pipeline& pipeline, net::RequestHead& request, std::string remote);

  bool changes_request() const;
  std::string request_piece(std::string_view piece);  // outermost first
  std::string request_end();

  bool changes_answer() const;
  // Adds the headers of the middleware, and forgets the length of a body that will be changed.
  void finish_head(net::ResponseHead& head) const;
  std::string answer_piece(std::string_view piece);  // innermost first
  std::string answer_end();

 private:
  std::deque<Step> steps_;
};

// The pieces of a request body on their way, held against the length that was declared: what a middleware lets out must
// still be that long (contract 01, 7.2: lengths are not adjusted).
class LengthCheck {
 public:
  explicit LengthCheck(std::optional<std::uint64_t> declared) : declared_(declared) {}
  Result<void> add(std::size_t bytes);
  Result<void> end() const;

 private:
  Error wrong() const;
  std::optional<std::uint64_t> declared_;
  std::uint64_t passed_ = 0;
};

}  // namespace mecha::middleware
