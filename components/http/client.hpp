// Whole requests to any URL with the habits of the reference's client: redirects are followed unless
// the caller says otherwise, long bodies are cut.

#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "components/component.hpp"
#include "runtime/net/client.hpp"
#include "runtime/net/url.hpp"

namespace mecha::http {

// Asked for each piece of a body before it is kept, on the caller's shard; a failure is that of the call.
using Admits = std::function<Result<void>(std::size_t bytes)>;

struct HttpCall {
  std::string method, url;
  net::Headers headers;  // as the caller wants them; what belongs to the connection is left out
  std::string body;
  bool has_body = false;
  bool follows_redirects = true;  // else one is the answer, as one of a server that wants signed requests
  std::vector<std::string> bound_headers = {};  // names of those that no redirect takes to another host
  Admits admits = {};
};

struct HttpAnswer {
  unsigned status = 0;
  std::string body;
  Metadata metadata;  // statusCode, status, and the headers
};

// From any shard.
class HttpClient {
 public:
  // `tls` is used for https.
  HttpClient(Shards& shards, std::shared_ptr<net::TlsContext> tls)
      : shards_(shards), tls_(std::move(tls)) {}

  // At most `body_max` bytes of the body, 0 is all; within `limit`. Fails with `Get "<url>":
  // <cause>`.
  Async<HttpAnswer> send(
      HttpCall call,
      std::uint64_t body_max,
      std::optional<std::chrono::milliseconds> limit = std::nullopt
  );

 private:
  Async<HttpAnswer> follow(HttpCall call, std::uint64_t body_max);
  std::shared_ptr<net::Client> client(const net::Url& url);

  Shards& shards_;
  std::shared_ptr<net::TlsContext> tls_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<net::Client>> clients_;  // by origin
};

}  // namespace mecha::http
