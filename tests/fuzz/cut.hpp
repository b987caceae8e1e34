// A stream of bytes says the same however it is cut: feeds a reader in pieces and collects what it makes of them.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mecha::fuzz {

template <class T>
struct Outcome {
  std::vector<T> items;
  std::string error;
  bool operator==(const Outcome&) const = default;
};

// `show` makes of an item what can be compared.
template <class R, class F>
auto read_in_pieces(R reader, std::string_view bytes, std::size_t step, F show) {
  Outcome<decltype(show(**reader.next()))> outcome;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    reader.feed(bytes.substr(at, step));
    for (;;) {
      auto item = reader.next();
      if (!item) {
        outcome.error = item.error().message;
        return outcome;
      }
      if (!*item) break;
      outcome.items.push_back(show(**item));
    }
  }
  return outcome;
}

}  // namespace mecha::fuzz
