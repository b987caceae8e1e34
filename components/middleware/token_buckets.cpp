#include "components/middleware/token_buckets.hpp"

#include <algorithm>
#include <functional>

namespace mecha::middleware {

TokenBuckets::TokenBuckets(double per_second, double burst, const Clock& clock, std::size_t keys_max)
    : rate_(per_second), burst_(burst), clock_(clock), part_max_(std::max<std::size_t>(keys_max / parts_.size(), 1)) {}

double TokenBuckets::filled(const Bucket& bucket, Clock::Mono now) const {
  const std::chrono::duration<double> passed = now - bucket.at;
  return std::min(burst_, bucket.tokens + passed.count() * rate_);
}

TokenBuckets::Taken TokenBuckets::take(const std::string& key) {
  auto& part = parts_[std::hash<std::string>{}(key) % parts_.size()];
  const auto now = clock_.now();
  const std::lock_guard lock(part.mutex);
  auto& used = part.used;
  if (const auto it = part.by_key.find(key); it != part.by_key.end()) {
    used.splice(used.begin(), used, it->second);
  } else {
    used.push_front({.key = key, .tokens = burst_, .at = now});
    part.by_key.emplace(used.front().key, used.begin());
  }
  auto& bucket = used.front();
  bucket.tokens = filled(bucket, now);
  bucket.at = now;
  const bool allowed = bucket.tokens >= 1;
  if (allowed) bucket.tokens -= 1;
  const Taken taken{.allowed = allowed, .left = bucket.tokens};
  // Two steps back for each forward: what is full goes without a sweep that somebody would have to wait for.
  for (int i = 0; i < 2 && used.size() > 1; ++i) {
    if (used.size() <= part_max_ && filled(used.back(), now) < burst_) break;
    part.by_key.erase(used.back().key);
    used.pop_back();
  }
  return taken;
}

std::size_t TokenBuckets::size() const {
  std::size_t all = 0;
  for (const auto& part : parts_) {
    const std::lock_guard lock(part.mutex);
    all += part.used.size();
  }
  return all;
}

}  // namespace mecha::middleware
