// A bounded map that forgets what was not used for longest. Not thread safe.

#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace mecha::resilience {

template <class T>
class Lru {
 public:
  explicit Lru(std::size_t max) : max_(max == 0 ? 1 : max) {}

  // The value of `key`, made by `make` if there is none; then the oldest may go.
  template <class Make>
  T& get(std::string_view key, Make make) {
    if (const auto it = index_.find(key); it != index_.end()) {
      items_.splice(items_.begin(), items_, it->second);
      return items_.front().second;
    }
    items_.emplace_front(std::string(key), make());
    index_.emplace(items_.front().first, items_.begin());
    if (items_.size() > max_) {
      index_.erase(items_.back().first);
      items_.pop_back();
    }
    return items_.front().second;
  }
  // Every value, the one that was not used for longest first.
  template <class Visit>
  void for_each(Visit visit) const {
    for (auto it = items_.rbegin(); it != items_.rend(); ++it) visit(it->first, it->second);
  }
  std::size_t size() const { return items_.size(); }

 private:
  using Items = std::list<std::pair<std::string, T>>;
  std::size_t max_;
  Items items_;
  std::map<std::string_view, typename Items::iterator, std::less<>> index_;  // keys live in items_
};

}  // namespace mecha::resilience
