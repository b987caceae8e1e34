// TokenBuckets: one bucket of tokens per key, filled at a rate up to a burst; a request takes one. Bounded: a bucket that is
// full says nothing and is forgotten, and where too many are not full, the one that waited longest goes.
// From any thread.

#pragma once

#include <array>
#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "runtime/base/clock.hpp"

namespace mecha::middleware {

class TokenBuckets {
 public:
  TokenBuckets(double per_second, double burst, const Clock& clock = Clock::real(), std::size_t keys_max = 65536);

  struct Taken {
    bool allowed = false;
    double left = 0;  // tokens after this
  };
  Taken take(const std::string& key);
  std::size_t size() const;

 private:
  struct Bucket {
    std::string key;
    double tokens;
    Clock::Mono at;  // when `tokens` was so
  };
  // Each with its own lock, so that shards seldom meet.
  struct Part {
    mutable std::mutex mutex;
    std::list<Bucket> used;  // the latest first
    std::unordered_map<std::string_view, std::list<Bucket>::iterator> by_key;
  };
  double filled(const Bucket& bucket, Clock::Mono now) const;

  double rate_, burst_;
  const Clock& clock_;
  std::array<Part, 16> parts_;
  std::size_t part_max_;
};

}  // namespace mecha::middleware
