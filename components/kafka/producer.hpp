// Producer: publishes records and says when the servers have them. One thread of its own takes the reports; every call
// goes on where it was, on the caller's shard. From any shard.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "components/kafka/handle.hpp"
#include "components/kafka/settings.hpp"
#include "runtime/async/async.hpp"

namespace mecha::kafka {

struct Outgoing {
  std::string topic;
  std::optional<std::string> value;  // empty: a tombstone
  std::optional<std::string> key;
  std::optional<std::int32_t> partition;
  std::vector<std::pair<std::string, std::string>> headers;
};

class Producer {
 public:
  // Connects; may block for five seconds.
  static Result<std::unique_ptr<Producer>> make(const Config& config, Log log);
  ~Producer();  // joins; what has not left within a second is given up
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Waits for the acknowledgement that the settings ask for, at most 30 s. Cancelled, it no longer waits; the record may
  // arrive all the same. Records of one key that are sent one after another arrive in that order.
  Async<void> send(Outgoing record);

 private:
  Producer(std::unique_ptr<Owner> owner, Handle handle);
  const std::unique_ptr<Owner> owner_;
  Handle handle_;
  rd_kafka_queue_s* reports_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace mecha::kafka
