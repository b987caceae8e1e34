// A lock that several processes share: one has it, another is refused, and it ends by itself if its owner dies.
#include <chrono>
#include <cstdio>

#include "mecha/mecha.h"

// [lock]
int main() {
  using namespace std::chrono_literals;
  auto client = mecha::BlockingClient::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;

  const auto locks = client->lock("locks");
  for (const char* worker : {"first", "second"}) {
    const auto mine = locks.try_lock("nightly-report", worker, 60s);
    if (!mine.has_value()) return std::fprintf(stderr, "%s\n", mine.error().to_string().c_str()), 1;
    std::printf("the %s worker %s\n", worker, *mine ? "has the lock" : "is refused");
  }
  const auto back = locks.unlock("nightly-report", "first");
  if (!back.has_value()) return std::fprintf(stderr, "%s\n", back.error().to_string().c_str()), 1;
  std::printf("%s\n", *back == mecha::UnlockStatus::success ? "given back" : "it was not ours");
  return 0;
}
// [/lock]
