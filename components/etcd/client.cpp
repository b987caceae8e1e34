#include "components/etcd/client.hpp"

#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::etcd {
namespace {

constexpr std::size_t kMessageMax = 64 << 20;

Error malformed() { return {.code = Code::internal, .message = "etcd: malformed answer"}; }

std::string condition_bytes(const Condition& condition) {
  std::string out;
  wire::number(out, 2, static_cast<std::uint64_t>(condition.of));
  wire::bytes(out, 3, condition.key);
  // A member of a oneof is written also when it is 0.
  wire::tag(out, condition.of == Condition::Of::create_revision ? 5 : 6, 0);
  wire::varint(out, static_cast<std::uint64_t>(condition.equals));
  return out;
}

std::string write_bytes(const Write& write) {
  std::string inner, out;
  wire::bytes(inner, 1, write.key);
  if (write.value) {
    wire::bytes(inner, 2, *write.value);
    wire::number(inner, 3, static_cast<std::uint64_t>(write.lease));
  }
  wire::bytes_always(out, write.value ? 2 : 3, inner);
  return out;
}

std::optional<KeyValue> parse_key_value(std::string_view bytes) {
  KeyValue found;
  wire::Reader reader(bytes);
  while (reader.next()) {
    if (reader.field() == 3) found.mod_revision = static_cast<std::int64_t>(reader.number());
    if (reader.field() == 5) found.value = reader.text();
  }
  if (!reader.ok()) return std::nullopt;
  return found;
}

}  // namespace

Result<net::Origin> parse_endpoint(std::string_view text) {
  auto rest = text::trim(text);
  if (const auto mark = rest.find("://"); mark != std::string_view::npos) rest.remove_prefix(mark + 3);
  const auto colon = rest.rfind(':');
  const auto port = colon == std::string_view::npos ? std::nullopt : text::to_uint(rest.substr(colon + 1));
  auto host = rest.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (!port || *port == 0 || *port > 65535 || host.empty()) {
    return fail(Code::invalid_argument, "etcd: an endpoint is host:port, got " + text::quote(text));
  }
  return net::Origin{.host = std::string(host), .port = static_cast<std::uint16_t>(*port)};
}

Client::Client(Shards& shards, Options options) : options_(std::move(options)) {
  for (const auto& endpoint : options_.endpoints) {
    const auto origin = parse_endpoint(endpoint);
    if (!origin) continue;
    net::ClientOptions client{.http2 = true, .tls = options_.tls, .connect_timeout = options_.dial_timeout};
    clients_.push_back(std::make_unique<net::Client>(shards, *origin, client));
  }
}

Async<std::string> Client::call(std::string method, std::string request, bool may_repeat) {
  Error last{.code = Code::unavailable, .message = "etcd: no endpoint"};
  for (const auto& client : clients_) {
    auto answer = co_await net::grpc::unary(*client, method, {}, request, options_.call_timeout, kMessageMax);
    if (answer && answer->status.ok()) co_return std::move(answer->message);
    if (answer) co_return fail(answer->status.code, answer->status.message);
    last = std::move(answer).error();
    if (!may_repeat && last.failure != Failure::never_sent) break;
  }
  co_return fail(std::move(last));
}

Async<std::optional<KeyValue>> Client::get(std::string key) {
  std::string request;
  wire::bytes(request, 1, key);
  MECHA_CO_TRY(const auto answer, co_await call("/etcdserverpb.KV/Range", std::move(request), true));
  std::optional<KeyValue> found;
  wire::Reader reader(answer);
  while (reader.next()) {
    if (reader.field() != 2) continue;
    found = parse_key_value(reader.bytes());
    if (!found) co_return fail(malformed());
  }
  if (!reader.ok()) co_return fail(malformed());
  co_return found;
}

Async<std::vector<std::string>> Client::keys(std::string from, std::string end, std::size_t limit) {
  std::string request;
  wire::bytes(request, 1, from);
  wire::bytes(request, 2, end);
  wire::number(request, 3, limit);
  wire::number(request, 8, 1);  // no values
  MECHA_CO_TRY(const auto answer, co_await call("/etcdserverpb.KV/Range", std::move(request), true));
  std::vector<std::string> found;
  wire::Reader reader(answer);
  while (reader.next()) {
    if (reader.field() != 2) continue;
    wire::Reader entry(reader.bytes());
    while (entry.next()) {
      if (entry.field() == 1) found.push_back(entry.text());
    }
    if (!entry.ok()) co_return fail(malformed());
  }
  if (!reader.ok()) co_return fail(malformed());
  co_return found;
}

Async<bool> Client::transact(std::vector<Condition> conditions, std::vector<Write> writes) {
  std::string request;
  for (const auto& condition : conditions) wire::bytes_always(request, 1, condition_bytes(condition));
  for (const auto& write : writes) wire::bytes_always(request, 2, write_bytes(write));
  MECHA_CO_TRY(const auto answer, co_await call("/etcdserverpb.KV/Txn", std::move(request), false));
  bool succeeded = false;
  wire::Reader reader(answer);
  while (reader.next()) {
    if (reader.field() == 2) succeeded = reader.number() != 0;
  }
  if (!reader.ok()) co_return fail(malformed());
  co_return succeeded;
}

Async<std::int64_t> Client::grant(std::int64_t seconds) {
  std::string request;
  wire::number(request, 1, static_cast<std::uint64_t>(seconds));
  // A lease too many does no harm: it ends by itself.
  MECHA_CO_TRY(const auto answer, co_await call("/etcdserverpb.Lease/LeaseGrant", std::move(request), true));
  std::int64_t id = 0;
  wire::Reader reader(answer);
  while (reader.next()) {
    if (reader.field() == 2) id = static_cast<std::int64_t>(reader.number());
  }
  if (!reader.ok() || id == 0) co_return fail(malformed());
  co_return id;
}

}  // namespace mecha::etcd
