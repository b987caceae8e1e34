// Stream: the bytes of one connection, cleartext or TLS, TCP or Unix socket. Included in .cpp files of runtime/net only.

#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "runtime/async/async.hpp"

namespace mecha::net {

class Stream {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  using Tls = asio::ssl::stream<Socket>;

  explicit Stream(Socket socket) : plain_(std::make_unique<Socket>(std::move(socket))) {}
  explicit Stream(std::unique_ptr<Tls> tls) : tls_(std::move(tls)) {}

  // Bytes read; 0 at an orderly end. Errors carry the system's words.
  Async<std::size_t> read_some(char* data, std::size_t size);
  Async<void> write(std::span<const asio::const_buffer> buffers);
  Async<void> write(std::string_view text);
  // What can be read or written right now without waiting (cleartext only; 0 for TLS): saves a trip through the loop.
  std::size_t try_read(char* data, std::size_t size);
  std::size_t try_write(std::string_view text);
  // The first 16 of `buffers`; -1: failed (system_category has errno), 0 also when it would block.
  std::ptrdiff_t try_write(std::span<const asio::const_buffer> buffers);

  Socket& socket() { return tls_ ? tls_->next_layer() : *plain_; }
  bool is_tls() const { return tls_ != nullptr; }
  Tls* tls() { return tls_.get(); }   // null of a cleartext stream
  std::string alpn() const;           // negotiated, empty without
  std::string peer_identity() const;  // URI of the peer's certificate (SPIFFE), empty without
  void close();                       // at once, no linger; pending operations end with an error

 private:
  std::unique_ptr<Socket> plain_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace mecha::net
