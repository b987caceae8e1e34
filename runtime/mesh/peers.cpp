#include "runtime/mesh/peers.hpp"

#include "runtime/base/text.hpp"
#include "runtime/mesh/peer_codec.hpp"
#include "runtime/net/grpc.hpp"

namespace mecha::mesh {
namespace {

using net::grpc::Call;

// Any chunk size is legal; this one keeps a message well below every limit.
constexpr std::size_t kPieceMax = 64 << 10;

Error rpc_error(const net::grpc::Status& status) {
  Error error{.code = status.code, .message = status.message};
  error.message = error.as_rpc_text();
  return error;
}

// A failure of the transport in the words of a gRPC client.
Error transport_error(Error error) {
  error = net::grpc::transport_error(std::move(error));
  error.message = error.as_rpc_text();
  return error;
}

// The deadline of the caller goes along; 0: there is none.
std::chrono::nanoseconds time_left(const RequestScope& scope) {
  if (!scope.deadline) return std::chrono::nanoseconds(0);
  return std::max<std::chrono::nanoseconds>(*scope.deadline - RequestScope::Clock::now(), std::chrono::milliseconds(1));
}

// The body of an answer: payloads of the messages that follow the first one.
class PeerBody final : public net::BodyReader {
 public:
  // `first` is the first message; its payload, if any, stands at `offset` and is `size` long.
  PeerBody(std::unique_ptr<Call> call, std::shared_ptr<net::Client> client)
      : client_(std::move(client)), call_(std::move(call)) {}

  Call& call() { return *call_; }

  // `first` is the first message; its payload, if any, stands at `offset` and is `size` long.
  void begin(std::string first, std::size_t offset, std::size_t size, std::uint64_t next) {
    message_ = std::move(first);
    pending_ = std::string_view(message_).substr(offset, size);
    next_ = next;
  }

  bool at_end() const override { return pending_.empty() && call_->at_end(); }

  Async<std::string_view> read() override {
    if (!pending_.empty()) co_return std::exchange(pending_, {});
    while (!ended_) {
      auto read = co_await call_->read();
      if (!read) co_return fail(receiving(std::move(read).error()));
      if (!*read) {
        ended_ = true;
        if (!call_->status().ok()) co_return fail(receiving(rpc_error(call_->status())));
        break;
      }
      message_ = std::move(**read);
      MECHA_CO_TRY(const auto decoded, decode_stream(message_));
      if (decoded.head && !decoded.head->empty()) {
        co_return fail(Code::internal, "response metadata found in non-leading chunk");
      }
      if (!decoded.has_payload) continue;
      if (decoded.seq != next_) {
        co_return fail(
            Code::internal,
            "invalid sequence number received: " + std::to_string(decoded.seq) +
                " (expected: " + std::to_string(next_) + ")"
        );
      }
      ++next_;
      if (!decoded.data.empty()) co_return decoded.data;
    }
    co_return std::string_view();
  }

 private:
  static Error receiving(Error error) {
    error.message.insert(0, "error receiving message: ");
    return error;
  }

  std::shared_ptr<net::Client> client_;
  std::unique_ptr<Call> call_;
  std::string message_;
  std::string_view pending_;
  std::uint64_t next_ = 0;
  bool ended_ = false;
};

// Sends head and body. False: the peer has ended the call, its status tells why.
Async<bool> send(Call& call, InvokeRequest& request) {
  auto message = encode_stream_head(encode_request(request, std::nullopt));
  std::uint64_t seq = 0;
  bool sent_head = false;
  while (request.body != nullptr) {
    MECHA_CO_TRY(std::string_view piece, co_await request.body->read());
    if (piece.empty()) break;
    while (!piece.empty()) {
      const auto part = piece.substr(0, kPieceMax);
      piece.remove_prefix(part.size());
      append_payload(message, part, seq++);
      if (!co_await call.write(message)) co_return false;
      sent_head = true;
      message.clear();
    }
  }
  if (!sent_head && !co_await call.write(message)) co_return false;
  co_return (co_await call.finish_writing()).has_value();
}

Async<InvokeAnswer> receive(std::unique_ptr<PeerBody> body) {
  auto& call = body->call();
  auto read = co_await call.read();
  if (!read) co_return fail(transport_error(std::move(read).error()));
  if (!*read) {
    if (call.status().ok()) co_return fail(Code::internal, "EOF");
    co_return fail(rpc_error(call.status()));
  }
  auto message = std::move(**read);
  MECHA_CO_TRY(const auto decoded, decode_stream(message));
  Result<DecodedResponse> response = decode_response(decoded.head.value_or(""));
  if (!response) co_return fail(std::move(response).error());
  if (!response->has_status) {
    co_return fail(Code::internal, "response does not contain the required fields in the leading chunk");
  }
  if (decoded.has_payload && decoded.seq != 0) {
    co_return fail(
        Code::internal, "invalid sequence number received: " + std::to_string(decoded.seq) + " (expected: 0)"
    );
  }
  auto answer = std::move(response->answer);
  const auto offset =
      decoded.data.empty() ? 0 : static_cast<std::size_t>(decoded.data.data() - message.data());
  const auto size = decoded.data.size();
  const std::uint64_t next = decoded.has_payload ? 1 : 0;
  body->begin(std::move(message), offset, size, next);
  answer.body = std::move(body);
  co_return answer;
}

}  // namespace

net::Headers trace_metadata(const RequestScope& scope) {
  net::Headers metadata;
  if (!scope.span.valid()) return metadata;
  metadata.add("traceparent", scope.span.traceparent());
  metadata.add("grpc-trace-bin", net::grpc::encode_bin(scope.span.binary()));
  return metadata;
}

Async<InvokeAnswer> Peers::invoke(RequestScope& scope, std::string address, InvokeRequest& request) {
  const MarkTimer timer(scope, Mark::peer);
  const auto pool = client(address);
  auto opened = co_await net::grpc::open(
      *pool, std::string(kCallLocalStream), trace_metadata(scope), time_left(scope), message_max_
  );
  if (!opened) co_return fail(transport_error(std::move(opened).error()));
  auto body = std::make_unique<PeerBody>(std::move(*opened), pool);
  auto sent = co_await send(body->call(), request);
  if (!sent) co_return fail(std::move(sent).error());
  co_return co_await receive(std::move(body));
}

Async<InvokeAnswer> Peers::invoke_unary(
    RequestScope& scope, std::string address, InvokeRequest& request, std::string body
) {
  const MarkTimer timer(scope, Mark::peer);
  const auto pool = client(address);
  auto opened = co_await net::grpc::open(
      *pool, std::string(kCallLocal), trace_metadata(scope), time_left(scope), message_max_
  );
  if (!opened) co_return fail(transport_error(std::move(opened).error()));
  auto& call = **opened;
  if (co_await call.write(encode_request(request, body))) (void)co_await call.finish_writing();
  auto read = co_await call.read();
  if (!read) co_return fail(transport_error(std::move(read).error()));
  if (!*read) co_return fail(rpc_error(call.status()));
  MECHA_CO_TRY(auto decoded, decode_response(**read));
  auto answer = std::move(decoded.answer);
  answer.length = decoded.data.size();
  answer.body = std::make_unique<net::TextBody>(std::move(decoded.data));
  co_return answer;
}

std::shared_ptr<net::Client> Peers::client(const std::string& address) {
  const std::lock_guard lock(mutex_);
  auto& client = clients_[address];
  if (!client) {
    net::Origin origin;
    const auto colon = address.rfind(':');
    origin.host = address.substr(0, colon);
    if (origin.host.starts_with('[')) origin.host = origin.host.substr(1, origin.host.size() - 2);
    const auto port = colon == std::string::npos ? std::nullopt : text::to_uint(address.substr(colon + 1));
    origin.port = static_cast<std::uint16_t>(port.value_or(0));
    net::ClientOptions options;
    options.http2 = true;
    options.response_header_bytes_max = header_max_;
    options.connect_timeout = std::chrono::seconds(30);
    options.idle_timeout = std::chrono::minutes(3);
    options.ping_interval = std::chrono::seconds(10);
    options.ping_timeout = std::chrono::seconds(5);
    client = std::make_shared<net::Client>(shards_, std::move(origin), std::move(options));
  }
  return client;
}

void Peers::drop(const std::string& address) {
  const std::lock_guard lock(mutex_);
  clients_.erase(address);
}

}  // namespace mecha::mesh
