// The frame of a coroutine is not touched any more when it may be gone. Memory that is given back
// is kept here, filled with a pattern, so that a write to it shows.

#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "catch.hpp"
#include "mecha/when_all.h"

namespace {

constexpr unsigned char pattern = 0xd6;

// What one thread gave back while it watched.
struct Watched {
  static constexpr std::size_t most = 256;
  bool on = false;
  std::size_t count = 0;
  void* blocks[most] = {};
};
thread_local Watched watched;

void give_back(void* block) noexcept {
  if (block == nullptr || !watched.on || watched.count == Watched::most) return std::free(block);
  std::memset(block, pattern, malloc_usable_size(block));
  watched.blocks[watched.count++] = block;
}

}  // namespace

void* operator new(std::size_t size) {
  if (void* block = std::malloc(size)) return block;
  throw std::bad_alloc();
}
void operator delete(void* block) noexcept { give_back(block); }
void operator delete(void* block, std::size_t) noexcept { give_back(block); }

namespace mecha {
namespace {

// Runs `work`, and gives the number of blocks that were written to after they were given back.
template <class F>
std::size_t written_late(F work) {
  watched.on = true;
  work();
  watched.on = false;
  CHECK(watched.count > 0);
  CHECK(watched.count < Watched::most);
  std::size_t late = 0;
  for (; watched.count > 0; --watched.count) {
    auto* block = static_cast<unsigned char*>(watched.blocks[watched.count - 1]);
    const auto size = malloc_usable_size(block);
    late += std::count(block, block + size, pattern) != static_cast<std::ptrdiff_t>(size);
    std::free(block);
  }
  return late;
}

Task<int> give(int value) { co_return value; }

// What awaits in a loop is what compilers keep the handle of in the frame.
Task<int> sum_pairs(int times) {
  int sum = 0;
  for (int i = 0; i < times; ++i) {
    const auto pair = co_await when_all(give(1), ready(2));
    sum += pair.first + pair.second;
  }
  co_return sum;
}

TEST_CASE("a coroutine that ends while what it awaits begins is not touched any more", "[frame]") {
  int sum = 0;
  CHECK(written_late([&] { then_call(sum_pairs(2), [&](int got) { sum = got; }); }) == 0);
  CHECK(sum == 6);
}

// Returns when the coroutine that awaits it has ended, as it may where an answer comes at once.
class Overtaken final : public detail::Work<int> {
 public:
  std::coroutine_handle<> start() noexcept override { return later(); }
  void drop() noexcept override { delete this; }

 private:
  void go() noexcept override {
    put(1);
    tell();
  }
};

Task<int> overtaken(int times) {
  int sum = 0;
  for (int i = 0; i < times; ++i) sum += co_await detail::TaskAccess::make<int>(new Overtaken);
  co_return sum;
}

TEST_CASE("nor is one that an operation goes on with before it returns", "[frame]") {
  int sum = 0;
  CHECK(written_late([&] { then_call(overtaken(3), [&](int got) { sum = got; }); }) == 0);
  CHECK(sum == 3);
}

}  // namespace
}  // namespace mecha
