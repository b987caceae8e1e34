// Wire: a dialled stream for drivers of components, which speak protocols of their own. Stream without vendor headers.

#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "runtime/net/client.hpp"

namespace mecha::net {

class Stream;

// Belongs to one shard; one read and one write may be under way at a time.
class Wire {
 public:
  // TLS when `tls` is given. Failures as those of Client::open.
  static Async<std::unique_ptr<Wire>> dial(
      Origin origin, std::shared_ptr<TlsContext> tls, std::chrono::milliseconds limit
  );
  ~Wire();

  // TLS from here on, for protocols that begin in the clear. Nothing is under way; after a failure the wire is of no use.
  Async<void> start_tls(std::shared_ptr<TlsContext> tls, std::string host, std::chrono::milliseconds limit);

  // Bytes read; 0 at an orderly end.
  Async<std::size_t> read_some(char* data, std::size_t size);
  // `text` outlives the write.
  Async<void> write(std::string_view text);
  // What the kernel takes at once; 0 over TLS.
  std::size_t try_write(std::string_view text);
  // At once; what is under way ends with an error.
  void close();

 private:
  explicit Wire(std::unique_ptr<Stream> stream);
  std::unique_ptr<Stream> stream_;
};

}  // namespace mecha::net
