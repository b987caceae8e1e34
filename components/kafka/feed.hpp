// Feed: the records of one topic to a handler, in order by key, with retries outside of the loop that fetches, and a step
// forward in the partition only when the work is safe. Records without a key keep the order of their partition.
//
// Belongs to the shard on which it is made; stop() comes before its end.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "components/kafka/consumer.hpp"
#include "components/kafka/retry.hpp"
#include "runtime/async/lanes.hpp"

namespace mecha::kafka {

// `abandoned`: cut short by a stop; the record is delivered again, to whoever has the partition then.
enum class Handled : std::uint8_t { done, failed, abandoned };

using RecordHandler = std::function<asio::awaitable<Handled>(const Record&)>;  // the record outlives the work
// One answer per record, in order.
using BatchHandler = std::function<asio::awaitable<std::vector<Handled>>(std::vector<const Record*>)>;

struct BatchLimits {
  std::size_t records_max = 1;
  std::chrono::milliseconds await_max{0};
};

class Feed {
 public:
  // `consumer` outlives it.
  Feed(Executor executor, Consumer& consumer, Retry retry, Log log, RecordHandler handler);
  // Batches of one partition each, one after another.
  Feed(Executor executor, Consumer& consumer, Retry retry, Log log, BatchHandler handler, BatchLimits limits);

  Async<void> start(std::string topic);
  // Lets handlers that run end within `grace` and commits what they did, then cancels them.
  asio::awaitable<void> stop(std::chrono::steady_clock::duration grace);

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace mecha::kafka
