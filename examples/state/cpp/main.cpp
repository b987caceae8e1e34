// Orders in a state store: written, read, changed by two at once, and changed together.
#include <cstdio>
#include <string>

#include "mecha/json.h"
#include "mecha/mecha.h"

// [type]
struct Order {
  std::string item;
  int quantity = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, item, quantity)
// [/type]

namespace {

// [save]
mecha::Task<mecha::Result<void>> work(mecha::Client client) {
  const auto orders = client.state("orders");
  if (auto saved = co_await orders.save("o1", Order{"apples", 3}); !saved) co_return saved.error();

  auto order = co_await orders.get<Order>("o1");
  if (!order) co_return order.error();
  std::printf("o1 is %d %s\n", (*order)->quantity, (*order)->item.c_str());
  // [/save]

  // [etag]
  auto mine = co_await orders.get_versioned<Order>("o1");
  if (!mine) co_return mine.error();
  if (auto theirs = co_await orders.save("o1", Order{"apples", 4}); !theirs) co_return theirs.error();

  mecha::WriteOptions only_if_unchanged;
  only_if_unchanged.etag = mine->etag;
  const auto late = co_await orders.save("o1", Order{"apples", 5}, only_if_unchanged);
  if (late) co_return mecha::fail(mecha::Code::internal, "the tag did not hold");
  std::printf("too late: %s\n", std::string(mecha::to_string(late.error().code)).c_str());
  // [/etag]

  // [transaction]
  auto both = co_await orders.transact({mecha::upsert("o2", Order{"pears", 1}), mecha::erase("o1")});
  if (!both) co_return both.error();
  // [/transaction]
  auto gone = co_await orders.get<Order>("o1");
  if (!gone) co_return gone.error();
  std::printf("o1 is %s\n", *gone ? "still there" : "gone");
  co_return mecha::Result<void>();
}

}  // namespace

int main() {
  auto client = mecha::Client::connect();
  const auto done = client ? mecha::sync_wait(work(*client)) : mecha::Result<void>(client.error());
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
  return 1;
}
