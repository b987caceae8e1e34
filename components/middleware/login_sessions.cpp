#include "components/middleware/login_sessions.hpp"

namespace mecha::middleware {

std::optional<LoginSession> LoginSessions::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second->until <= clock_.now()) return std::nullopt;
  return it->second->session;
}

void LoginSessions::put(const std::string& id, LoginSession session) {
  const std::lock_guard lock(mutex_);
  const auto until = clock_.now() + kLifetime;
  if (const auto it = by_id_.find(id); it != by_id_.end()) {
    it->second->session = std::move(session);
    it->second->until = until;
    entries_.splice(entries_.begin(), entries_, it->second);
  } else {
    entries_.push_front({.id = id, .session = std::move(session), .until = until});
    by_id_.emplace(entries_.front().id, entries_.begin());
  }
  while (entries_.size() > 1 && (entries_.size() > most_ || entries_.back().until <= clock_.now())) {
    by_id_.erase(entries_.back().id);
    entries_.pop_back();
  }
}

std::size_t LoginSessions::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace mecha::middleware
