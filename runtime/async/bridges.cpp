#include "runtime/async/bridges.hpp"

#include <algorithm>
#include <utility>

namespace mecha {

Bridges::Bridges(std::string name, std::size_t most) : name_(std::move(name)), most_(std::clamp<std::size_t>(most, 1, kMost)) {}

std::size_t Bridges::pick() {
  const std::lock_guard lock(mutex_);
  const auto end = threads_.begin() + static_cast<std::ptrdiff_t>(most_);
  const auto thread = std::ranges::min_element(threads_.begin(), end, {}, [](const Thread& t) { return t.load->load(); });
  if (thread->bridge == nullptr) thread->bridge = std::make_unique<Bridge>(name_);
  ++*thread->load;
  return static_cast<std::size_t>(thread - threads_.begin());
}

void Bridges::post_each(const std::function<void(std::size_t)>& job) {
  const std::lock_guard lock(mutex_);
  for (std::size_t number = 0; number < most_; ++number) {
    if (const auto& bridge = threads_[number].bridge) bridge->post([job, number] { job(number); });
  }
}

void Bridges::stop() {
  for (auto& thread : threads_) thread.bridge.reset();
}

}  // namespace mecha
