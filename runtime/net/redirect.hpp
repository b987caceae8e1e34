// The way of one request through redirects: where it goes next, and what it may still say there. The rules are those of the
// reference's client, and stricter where a redirect leaves TLS.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"
#include "runtime/net/headers.hpp"
#include "runtime/net/url.hpp"

namespace mecha::net {

// The parts of a request that a redirect changes.
struct RedirectedRequest {
  std::string& method;
  Headers& headers;
  bool has_body = false;  // afterwards: the body is sent again
};

// Of one request, used by one coroutine.
class Redirects {
 public:
  // `bound` names headers that hold secrets of the first host, beside those that always do (Authorization, Cookie, ...).
  explicit Redirects(Url first, std::vector<std::string> bound = {});

  const Url& url() const { return url_; }

  // Goes to `location` of an answer with the redirect status `status`. 301, 302 and 303 ask again with GET (HEAD stays) and
  // without the body, 307 and 308 repeat the request. Secrets are left out once the way leads away from the first host and
  // its subdomains, or from https to http. Fails after 10 redirects, for a location that is no http URL, and when a body
  // that was sent under TLS would be repeated without.
  Result<void> follow(std::string_view location, unsigned status, RedirectedRequest& request);

 private:
  void leave_secrets(Headers& headers, bool in_the_clear) const;

  const std::string first_host_;
  const std::vector<std::string> bound_;
  Url url_;
  int count_ = 0;
};

}  // namespace mecha::net
