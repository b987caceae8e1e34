// Peers: calls to the sidecars of other applications by the peer protocol (contract 01, section 9), over pooled HTTP/2
// connections, one pool per address.

#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "runtime/app/invoke.hpp"
#include "runtime/async/shards.hpp"
#include "runtime/net/client.hpp"

namespace mecha::mesh {

class Peers {
 public:
  // `message_max`: of one message, both ways; 0: none.
  // `header_max`: bytes of headers or trailers of an answer.
  Peers(Shards& shards, std::size_t message_max, std::size_t header_max)
      : shards_(shards), message_max_(message_max), header_max_(header_max) {}

  // One invocation at `address` ("host:port"); `request` outlives the call. The body of `request` is sent completely, then the answer read.
  // Errors carry the text as a caller nests it (contract 01, 5.6; "rpc error: code = ..." where a status came back); the
  // code is that of the hop, so unavailable and unauthenticated may be tried again.
  // A peer that does not know the streamed form is asked in the unary one if the body can be read again from `replay`.
  Async<InvokeAnswer> invoke(RequestScope& scope, std::string address, InvokeRequest& request);
  Async<InvokeAnswer> invoke_unary(RequestScope& scope, std::string address, InvokeRequest& request, std::string body);

  // The connection pool of an address.
  std::shared_ptr<net::Client> client(const std::string& address);
  // The next call dials anew.
  void drop(const std::string& address);

 private:
  Shards& shards_;
  std::size_t message_max_;
  std::size_t header_max_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<net::Client>, std::less<>> clients_;
};

// The transport metadata of a call: the trace and nothing else.
net::Headers trace_metadata(const RequestScope& scope);

}  // namespace mecha::mesh
