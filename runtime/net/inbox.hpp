// Inbox: bytes read from a connection and not yet consumed. Grows up to a limit; consumed bytes stay readable until
// room() is asked for, so that views of the last piece hold.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace mecha::net {

class Inbox {
 public:
  std::string_view data() const { return {bytes_.get() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t count) { begin_ += count; }

  // Space to read into, of at least one byte unless `max` bytes are waiting already. `want` is what would be good.
  std::span<char> room(std::size_t want, std::size_t max) {
    if (begin_ == end_) begin_ = end_ = 0;
    const auto waiting = end_ - begin_;
    if (capacity_ - waiting < std::min(want, max - std::min(max, waiting))) {
      grow(std::min(max, std::max({waiting + want, capacity_, std::size_t{4096}})));
    } else if (begin_ > 0 && (end_ == capacity_ || capacity_ - end_ < want)) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, waiting);
      begin_ = 0;
      end_ = waiting;
    }
    return {bytes_.get() + end_, capacity_ - end_};
  }
  void commit(std::size_t count) { end_ += count; }

  void put(std::string_view text) {
    if (text.empty()) return;
    const auto space = room(text.size(), data().size() + text.size());
    std::memcpy(space.data(), text.data(), text.size());
    commit(text.size());
  }

  // Gives memory back between messages.
  void shrink(std::size_t above) {
    if (begin_ != end_ || capacity_ <= above) return;
    bytes_.reset();
    capacity_ = begin_ = end_ = 0;
  }

 private:
  void grow(std::size_t capacity) {
    const auto waiting = end_ - begin_;
    capacity = std::max(capacity, waiting);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (waiting > 0) std::memcpy(larger.get(), bytes_.get() + begin_, waiting);
    bytes_ = std::move(larger);
    capacity_ = capacity;
    begin_ = 0;
    end_ = waiting;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace mecha::net
