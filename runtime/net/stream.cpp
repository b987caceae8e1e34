#include "runtime/net/stream.hpp"

#include <cerrno>
#include <string>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <netinet/in.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "runtime/net/system_text.hpp"

namespace mecha::net {
namespace {

constexpr auto use_tuple = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kParts = 16;

// Sends what the kernel takes at once; -1 and errno otherwise.
ssize_t send_parts(int descriptor, std::span<const asio::const_buffer> buffers) {
  std::array<iovec, kParts> parts;
  std::size_t count = 0;
  for (const auto& buffer : buffers) {
    if (buffer.size() == 0) continue;
    if (count == parts.size()) break;
    parts[count++] = {const_cast<void*>(buffer.data()), buffer.size()};
  }
  if (count == 0) return 0;
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = count;
  ssize_t sent;
  do sent = ::sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (sent < 0 && errno == EINTR);
  return sent;
}

std::string uri_of(X509* certificate) {
  std::string found;
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)
  );
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names) && found.empty(); ++i) {
    const auto* name = sk_GENERAL_NAME_value(names, i);
    if (name->type != GEN_URI) continue;
    const auto* text = name->d.uniformResourceIdentifier;
    found.assign(
        reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
        static_cast<std::size_t>(ASN1_STRING_length(text))
    );
  }
  GENERAL_NAMES_free(names);
  return found;
}

}  // namespace

std::string system_text(const boost::system::error_code& error) {
  if (error == asio::error::eof) return "EOF";
  std::string text = error.message();
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

std::string endpoint_text(const asio::generic::stream_protocol::endpoint& endpoint) {
  const auto* address = endpoint.data();
  if (address->sa_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
    return asio::ip::address_v4(ntohl(v4->sin_addr.s_addr)).to_string() + ":" +
           std::to_string(ntohs(v4->sin_port));
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    asio::ip::address_v6::bytes_type bytes;
    std::copy_n(v6->sin6_addr.s6_addr, bytes.size(), bytes.begin());
    const asio::ip::address_v6 ip(bytes);
    // An IPv4 client of a dual stack socket shows as what it is.
    const auto text = ip.is_v4_mapped()
                          ? asio::ip::make_address_v4(asio::ip::v4_mapped, ip).to_string()
                          : "[" + ip.to_string() + "]";
    return text + ":" + std::to_string(ntohs(v6->sin6_port));
  }
  return "@";
}

Error socket_failure(
    const Stream::Socket& socket, std::string_view verb, const boost::system::error_code& error
) {
  if (auto alert = alert_text(error); !alert.empty()) return Error{.code = Code::unavailable, .message = std::move(alert)};
  boost::system::error_code local_error, remote_error;
  const auto local = socket.local_endpoint(local_error);
  const auto remote = socket.remote_endpoint(remote_error);
  std::string text(verb);
  if (!local_error && !remote_error && local.data()->sa_family != AF_UNIX) {
    text += " tcp " + endpoint_text(local) + "->" + endpoint_text(remote);
  }
  text += ": " + std::string(verb) + ": " + system_text(error);
  return Error{.code = Code::unavailable, .message = std::move(text)};
}

Async<std::size_t> Stream::read_some(char* data, std::size_t size) {
  boost::system::error_code error;
  std::size_t count = 0;
  if (tls_) {
    std::tie(error, count) = co_await tls_->async_read_some(asio::buffer(data, size), use_tuple);
    // Many peers leave without close_notify; a body that is cut shows in its framing.
    if (error == asio::ssl::error::stream_truncated) co_return std::size_t{0};
  } else {
    std::tie(error, count) = co_await plain_->async_read_some(asio::buffer(data, size), use_tuple);
  }
  if (error == asio::error::eof) co_return std::size_t{0};
  if (error) co_return fail(socket_failure(socket(), "read", error));
  co_return count;
}

Async<void> Stream::write(std::span<const asio::const_buffer> buffers) {
  if (tls_) {
    const std::vector<asio::const_buffer> copy(buffers.begin(), buffers.end());
    const auto [error, count] = co_await asio::async_write(*tls_, copy, use_tuple);
    if (error) co_return fail(socket_failure(socket(), "write", error));
    co_return Result<void>();
  }
  std::vector<asio::const_buffer> left(buffers.begin(), buffers.end());
  for (;;) {
    const auto sent = send_parts(plain_->native_handle(), left);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
      const boost::system::error_code error(errno, boost::system::system_category());
      co_return fail(socket_failure(*plain_, "write", error));
    }
    std::size_t taken = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    std::erase_if(left, [&](asio::const_buffer& buffer) {
      const auto part = std::min(taken, buffer.size());
      taken -= part;
      buffer += part;
      return buffer.size() == 0;
    });
    if (left.empty()) co_return Result<void>();
    if (sent >= 0) continue;
    const auto [error] = co_await plain_->async_wait(Socket::wait_write, use_tuple);
    if (error) co_return fail(socket_failure(*plain_, "write", error));
  }
}

Async<void> Stream::write(std::string_view text) {
  if (!tls_) text.remove_prefix(try_write(text));
  if (text.empty()) co_return Result<void>();
  const asio::const_buffer buffer(text.data(), text.size());
  co_return co_await write(std::span(&buffer, 1));
}

std::size_t Stream::try_read(char* data, std::size_t size) {
  if (tls_) return 0;
  const auto count = ::recv(plain_->native_handle(), data, size, MSG_DONTWAIT);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::size_t Stream::try_write(std::string_view text) {
  if (tls_ || text.empty()) return 0;
  const auto count =
      ::send(plain_->native_handle(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::ptrdiff_t Stream::try_write(std::span<const asio::const_buffer> buffers) {
  if (tls_) return 0;
  const auto count = send_parts(plain_->native_handle(), buffers);
  if (count >= 0) return count;
  return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
}

std::string Stream::alpn() const {
  if (!tls_) return {};
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(tls_->native_handle(), &name, &size);
  return name ? std::string(reinterpret_cast<const char*>(name), size) : std::string();
}

std::string Stream::peer_identity() const {
  if (!tls_) return {};
  auto* certificate = SSL_get1_peer_certificate(tls_->native_handle());
  if (!certificate) return {};
  auto identity = uri_of(certificate);
  X509_free(certificate);
  return identity;
}

void Stream::close() {
  boost::system::error_code ignored;
  socket().close(ignored);
}

}  // namespace mecha::net
