// LoginSessions: what is known of browsers that log in, by the value of a cookie (contract 01, 7.6). Two hours each; bounded,
// the one that waited longest goes. In the memory of this process. From any thread.

#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "runtime/base/clock.hpp"

namespace mecha::middleware {

struct LoginSession {
  std::string state;   // what the login page must bring back
  std::string target;  // where the browser wanted to go
  std::string token;   // "Bearer eyJ.."; empty: not logged in
};

class LoginSessions {
 public:
  static constexpr std::chrono::hours kLifetime{2};
  explicit LoginSessions(const Clock& clock = Clock::real(), std::size_t most = 16384) : clock_(clock), most_(most) {}

  std::optional<LoginSession> find(const std::string& id) const;
  void put(const std::string& id, LoginSession session);
  std::size_t size() const;

 private:
  struct Entry {
    std::string id;
    LoginSession session;
    Clock::Mono until;
  };
  const Clock& clock_;
  std::size_t most_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the latest first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_id_;
};

}  // namespace mecha::middleware
