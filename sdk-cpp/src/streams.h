// The subscriptions that the application opens itself: one reader for each, and it is opened again
// when it breaks.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "mecha/client.h"
#include "src/dispatcher.h"

namespace mecha::wire {

/// Threads: any. Lifetime: what runs keeps what it needs, also when this has gone.
class Streams {
 public:
  /// Opens every stream of the registry.
  Streams(std::shared_ptr<Dispatcher> dispatcher, std::shared_ptr<Api> api);
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  ~Streams() { stop(std::chrono::steady_clock::now()); }

  /// After the dispatcher was closed: waits until every message under way is answered, then asks
  /// the handlers of the others to stop, and ends the streams. Gives the number of those.
  std::size_t stop(std::chrono::steady_clock::time_point limit);

 private:
  struct Shared;
  struct Line;

  static Task<void> read_on(std::shared_ptr<Shared> shared, const StreamEntry* entry);
  static Task<Error> read(std::shared_ptr<Shared> shared, std::shared_ptr<Line> line);
  static Task<void> handle(
      std::shared_ptr<Shared> shared, std::shared_ptr<Line> line, TopicEvent event, Turns turns
  );

  std::shared_ptr<Shared> shared_;
};

}  // namespace mecha::wire
