#include "runtime/net/wire.hpp"

#include "runtime/net/dial.hpp"

namespace mecha::net {

Wire::Wire(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}
Wire::~Wire() = default;

Async<std::unique_ptr<Wire>> Wire::dial(
    Origin origin, std::shared_ptr<TlsContext> tls, std::chrono::milliseconds limit
) {
  const ClientOptions options{.tls = std::move(tls), .connect_timeout = limit};
  MECHA_CO_TRY(auto stream, co_await net::dial(origin, options));
  co_return std::unique_ptr<Wire>(new Wire(std::make_unique<Stream>(std::move(stream))));
}

Async<void> Wire::start_tls(std::shared_ptr<TlsContext> tls, std::string host, std::chrono::milliseconds limit) {
  MECHA_CO_TRY(auto secured, co_await net::start_tls(std::move(stream_->socket()), std::move(host), std::move(tls), limit));
  *stream_ = std::move(secured);
  co_return Result<void>{};
}

Async<std::size_t> Wire::read_some(char* data, std::size_t size) { return stream_->read_some(data, size); }
Async<void> Wire::write(std::string_view text) { return stream_->write(text); }
std::size_t Wire::try_write(std::string_view text) { return stream_->try_write(text); }
void Wire::close() { stream_->close(); }

}  // namespace mecha::net
