// The part of etcd's API (version 3, gRPC) that stores need: read a key, write under conditions, grant a lease.

#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/net/grpc.hpp"

namespace mecha::etcd {

struct Options {
  std::vector<std::string> endpoints;  // "host:port", with or without http:// or https://
  std::shared_ptr<net::TlsContext> tls;
  std::chrono::milliseconds call_timeout{5000}, dial_timeout{5000};
};

struct KeyValue {
  std::string value;
  std::int64_t mod_revision = 0;
};

// What must hold of a key for a transaction to be applied.
struct Condition {
  std::string key;
  enum class Of : std::uint8_t { create_revision = 1, mod_revision = 2 } of = Of::mod_revision;
  std::int64_t equals = 0;  // 0: the key does not exist
};

struct Write {
  std::string key;
  std::optional<std::string> value;  // empty: deletes
  std::int64_t lease = 0;
};

// From any shard. An endpoint that cannot be reached gives way to the next one; a write that may have reached a server is
// never sent again.
class Client {
 public:
  Client(Shards& shards, Options options);

  Async<std::optional<KeyValue>> get(std::string key);
  // All or nothing; false: a condition does not hold. No key may be written twice.
  Async<bool> transact(std::vector<Condition> conditions, std::vector<Write> writes);
  // Keys from `from` up to, not including, `end`, in order, `limit` at most.
  Async<std::vector<std::string>> keys(std::string from, std::string end, std::size_t limit);
  Async<std::int64_t> grant(std::int64_t seconds);  // the id of a new lease; the server raises what is too short

 private:
  Async<std::string> call(std::string method, std::string request, bool may_repeat);

  Options options_;
  std::vector<std::unique_ptr<net::Client>> clients_;
};

// Fails on an endpoint that is no "host:port".
Result<net::Origin> parse_endpoint(std::string_view text);

}  // namespace mecha::etcd
