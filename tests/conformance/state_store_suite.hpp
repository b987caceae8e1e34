// What every state store promises (contract 02, sections 1 and 2), as checks that each backend runs. Where stores may
// differ, the backend states what it does.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "components/state/state_store.hpp"

namespace mecha {
class Catalog;
}

namespace mecha::conformance {

// The columns of the matrix in contract 02, section 1.10, and what else a client can see.
struct StoreTraits {
  bool etags = true;                        // else etags and options are ignored, and nothing is listed
  bool set_with_etag_creates = false;       // on a missing key; else a mismatch
  bool first_write_is_sticky = false;       // redis: the first succeeds and then guards the key
  bool last_write_ignores_etag = false;
  bool malformed_etag_is_invalid = false;   // "abc" on set
  bool malformed_etag_is_invalid_on_delete = false;
  std::string first_write_refusal = "mismatch";
  bool delete_with_etag_of_missing = false; // succeeds
  bool first_write_guards_delete = false;
  bool shows_expiry = true;
  bool zero_ttl_expires = false;            // 0 and less: at once; else never
  bool keeps_ttl_on_overwrite = false;
  bool bulk_get_sorts = false;              // found rows by key, then the missing; else the order of the request
  bool transactional = true;
  std::string transactions_refused;         // what all of them fail with
  bool atomic_transactions = true;
  bool checks_options = true;               // alone and in bulk requests
  bool checks_options_in_transactions = true;
  bool keeps_any_bytes = true;              // also those that are no text; false where the server does not
  bool empty_has_no_data = false;
  std::string document;  // how {"b":[1.5,true],"a":"<é>"} is stored
};

// One store on a shard of its own, started and stopped with the bench.
class StoreBench {
 public:
  using Register = std::function<void(Catalog&)>;
  using Settings = std::map<std::string, std::string>;

  StoreBench(Register add, std::string type, Settings settings, std::string version = "v1");
  ~StoreBench();

  // Fails the test unless the store starts; start_error() is for those that must not.
  void start();
  std::string start_error();

  state::StateStore& store() { return *store_; }

  template <class T>
  Result<T> run(Async<T> work);

  // Short forms. An empty text stands for "missing" and for success.
  std::string get(const std::string& key);
  std::string etag(const std::string& key);
  std::string set(state::SetRequest request);
  std::string set(const std::string& key, const std::string& json, const std::string& etag = {});
  std::string remove(state::DeleteRequest request);
  std::string transact(std::vector<state::Operation> operations);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
  std::shared_ptr<state::StateStore> store_;
  bool started_ = false;
};

// Runs all checks but those that wait for real time. Keys begin with `prefix`, so that a shared server may be used.
void state_store(StoreBench& bench, const StoreTraits& traits, const std::string& prefix);
// Expiry in real time; some seconds.
void state_store_expiry(StoreBench& bench, const StoreTraits& traits, const std::string& prefix);

}  // namespace mecha::conformance
