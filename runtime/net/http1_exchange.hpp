// Http1Exchange: one request of an HTTP/1.1 connection and its answer. Internal to http1_server.cpp.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "runtime/net/exchange.hpp"
#include "runtime/net/http1_parser.hpp"
#include "runtime/net/http1_writer.hpp"
#include "runtime/net/http2.hpp"
#include "runtime/net/inbox.hpp"
#include "runtime/net/outbox.hpp"

namespace mecha::net {

class Http1Exchange;

// What outlives a request on its connection.
struct Http1Wire {
  Http1Wire(Stream s, SessionContext c, const Executor& executor)
      : stream(std::move(s)),
        context(std::move(c)),
        parser(Http1Parser::Role::request, context.options.header_bytes_max),
        outbox(stream, context.options.write_timeout),
        watchdog(executor, [this] { stream.close(); }),
        patience(executor, [this] { look_for_client(); }) {}

  void look_for_client();

  Stream stream;
  SessionContext context;
  Http1Parser parser;
  Inbox inbox;
  Outbox outbox;
  Watchdog watchdog;  // of what the client has to send
  Watchdog patience;  // how long an answer may take before it is looked whether the client still waits
  Http1Exchange* serving = nullptr;
  bool lost = false;  // the client's side has ended or failed
  RequestHead request;
  Http1Facts facts;
};

class Http1Exchange final : public Exchange, public BodyReader {
 public:
  explicit Http1Exchange(Http1Wire& wire) : wire_(wire) {}
  ~Http1Exchange() override { stop_watching(); }

  const RequestHead& request() const override { return wire_.request; }
  BodyReader& body() override { return *this; }
  const PeerInfo& peer() const override { return wire_.context.peer; }
  Async<void> respond(ResponseHead head, std::string body) override;
  Async<void> start(ResponseHead head) override;
  Async<void> write(std::string_view piece) override;
  Async<void> finish(Headers trailers) override;
  bool started() const override { return stage_ != Stage::waiting; }
  unsigned status() const override { return status_; }
  std::uint64_t sent_bytes() const override { return sent_; }
  std::uint64_t received_bytes() const override { return received_; }
  void abort() override;
  void close_after() override { close_ = true; }
  void on_disconnect(std::function<void()> hook) override;
  void cancel_handler() override {
    if (wire_.context.cancel != nullptr) wire_.context.cancel->emit(asio::cancellation_type::terminal);
  }

  Async<std::string_view> read() override;  // of BodyReader

  // For the session, after the handler.
  bool answered() const { return stage_ == Stage::done; }
  bool closing() const { return close_; }
  void stop_watching();
  // Watches for the client's end.
  void watch();

 private:
  enum class Stage : std::uint8_t { waiting, streaming, done, aborted };

  // Puts the head into the outbox; `length` empty: unknown.
  void put_head(const ResponseHead& head, std::optional<std::uint64_t> length);
  Async<void> fill();
  void peer_readable();
  void look_again();
  void client_gone();

  Http1Wire& wire_;
  Stage stage_ = Stage::waiting;
  Framing framing_ = Framing::none;
  bool silent_ = false;  // HEAD, 204, 304: the body stays here
  bool close_ = false;
  bool continued_ = false;  // 100 Continue has been sent
  bool too_large_ = false;
  unsigned status_ = 0;
  std::uint64_t sent_ = 0, received_ = 0, promised_ = 0;
  std::function<void()> hook_;
  std::shared_ptr<Http1Exchange*> watching_;  // held by the pending wait; points to nothing once that is void
};

}  // namespace mecha::net
