// Readiness of one application's sidecar: named targets, all of which must be ready (contract 01, section 3).
// Thread safe.

#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <string>

namespace mecha {

class Health {
 public:
  // A target that is not ready yet; the sidecar is ready when there is at least one target and none is pending.
  void expect(const std::string& target) { set(target, false); }
  void ready(const std::string& target) { set(target, true); }
  void not_ready(const std::string& target) { set(target, false); }

  bool is_ready() const {
    const std::lock_guard lock(mutex_);
    return !targets_.empty() && pending_ == 0;
  }
  // Names of what is pending, separated by blanks.
  std::string pending() const {
    const std::lock_guard lock(mutex_);
    std::string names;
    for (const auto& [name, is] : targets_) {
      if (is) continue;
      if (!names.empty()) names += ' ';
      names += name;
    }
    return names;
  }

  std::atomic<bool> outbound_ready = false;

 private:
  void set(const std::string& target, bool is) {
    const std::lock_guard lock(mutex_);
    const auto [it, added] = targets_.try_emplace(target, is);
    if (added) {
      pending_ += is ? 0 : 1;
    } else if (it->second != is) {
      pending_ += is ? -1 : 1;
      it->second = is;
    }
  }

  mutable std::mutex mutex_;
  std::map<std::string, bool> targets_;
  int pending_ = 0;
};

}  // namespace mecha
