// Session: the collection of a store on one client of MongoDB, blocking; used by one thread at a time. Errors have the words
// of the server or of its driver; a server that cannot be reached is `unavailable`.
//
// A write is sent only to somebody who still wants it: finding the primary and connecting to it may take as long as the options'
// timeout, so that comes first. What was sent once the driver itself may send again, to the next primary, under the same number:
// the server does it once.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "components/mongodb/document.hpp"

struct _mongoc_client_t;
struct _mongoc_collection_t;
struct _mongoc_client_session_t;

namespace mecha::mongodb {

struct Options {
  std::string uri;
  std::string database, collection;
  int writes_confirmed = 1;       // servers that must have a write on disk; kMajority: most of them
  std::string read_concern = "local";
  std::chrono::milliseconds timeout{5000};  // of finding a server, connecting, and each wait for an answer
};
inline constexpr int kMajority = -3;

class Session {
 public:
  // `client` is somebody else's and outlives the session. Writes, and the commit of a transaction, fail with `cancelled` once
  // `wanted` says no.
  Session(_mongoc_client_t* client, const Options& options, std::function<bool()> wanted);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The collection's records; `options` as the command `find` has them (sort, limit, skip).
  Result<std::vector<Document>> find(const Document& filter, const Document& options = {});
  // Changes the record that the filter finds, or makes one. False: another record stands in the way.
  Result<bool> upsert(const Document& filter, const Document& update);
  // How many were removed.
  Result<std::int64_t> remove(const Document& filter, bool many = false);
  // A command of the database, "ping" for one.
  Result<Document> command(const Document& words);
  // Everything that `work` does with this session happens, or nothing; it may be called again. What it fails with is the
  // answer. Nothing is tried again once the options' timeout is over. Needs a replica set.
  Result<void> transaction(const std::function<Result<void>()>& work);

  // Code of the server's last refusal; 0: it was another cause.
  int last_code() const { return last_code_; }

 private:
  Result<void> check_wanted() const;
  Result<void> prepare_write();
  Document in_transaction(Document options);
  void note_refusal(const Document& reply, int code);

  _mongoc_client_t* client_;
  const Options& options_;
  const std::function<bool()> wanted_;
  _mongoc_collection_t* collection_;
  _mongoc_client_session_t* transaction_ = nullptr;
  int last_code_ = 0;
  Document refusal_;  // the whole answer; says whether a transaction may be tried again
};

inline constexpr int kNotImplemented = 238;

}  // namespace mecha::mongodb
