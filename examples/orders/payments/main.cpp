// The payments: charges a customer for an order, once, however often it is asked to; and hears what the shop announces, where the broker is shared.
#include <cstdio>
#include <mutex>
#include <set>
#include <string>

#include "mecha/json.h"
#include "mecha/mecha.h"

struct Order {
  std::string id;
  std::string customer;
  int quantity = 0;
  int price = 0;
};
struct Payment {
  std::string customer;
  int amount = 0;
};
struct Account {
  int payments = 0;
  int total = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Order, id, customer, quantity, price)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Payment, customer, amount)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Account, payments, total)

namespace {

// Books the payment and the account in one transaction; the entity tag makes sure that nobody else did meanwhile.
mecha::Task<mecha::Result<Payment>> charge_once(mecha::StateStore store, Order order) {
  auto known = co_await store.get<Payment>("payment-" + order.id);
  if (!known) co_return known.error();
  if (*known) co_return **known;
  auto before = co_await store.get_versioned<Account>("account-" + order.customer);
  if (!before) co_return before.error();

  const Payment payment{order.customer, order.quantity * order.price};
  auto account = before->value.value_or(Account{});
  account.payments += 1;
  account.total += payment.amount;
  mecha::WriteOptions unchanged;
  unchanged.etag = before->etag;  // an empty one: the account must still be absent
  std::vector<mecha::StateChange> changes;
  changes.push_back(mecha::upsert("payment-" + order.id, payment));
  changes.push_back(mecha::upsert("account-" + order.customer, account, unchanged));
  auto booked = co_await store.transact(std::move(changes));
  if (!booked) co_return booked.error();
  co_return payment;
}

mecha::Task<mecha::Result<Payment>> charge(mecha::StateStore store, Order order) {
  for (int tries = 1;; ++tries) {
    auto payment = co_await charge_once(store, order);
    if (payment || payment.error().code != mecha::Code::aborted || tries == 5) co_return payment;
  }
}

// Ids of the orders that the shop has announced. Handlers run on several threads.
class Announced {
 public:
  void add(std::string id) {
    const std::lock_guard lock(mutex_);
    ids_.insert(std::move(id));
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return ids_.size();
  }

 private:
  std::mutex mutex_;
  std::set<std::string> ids_;
};

}  // namespace

int main() {
  auto client = mecha::Client::connect();
  if (!client) return std::fprintf(stderr, "%s\n", client.error().to_string().c_str()), 1;
  const auto store = client->state("statestore");
  Announced announced;

  mecha::Service service;
  service.method("charge", [store](Order order) { return charge(store, std::move(order)); });

  service.topic("orderbus", "orders", [store, &announced](Order order) -> mecha::Task<mecha::Result<mecha::Verdict>> {
    auto paid = co_await store.get<Payment>("payment-" + order.id);
    if (!paid) co_return paid.error();  // the sidecar brings it again
    if (!*paid) co_return mecha::Verdict::drop;
    announced.add(order.id);
    co_return mecha::Verdict::success;
  });

  service.method("report", [&announced] { return nlohmann::json{{"announced", announced.count()}}; });

  const auto ended = service.run();
  if (ended) return 0;
  std::fprintf(stderr, "%s\n", ended.error().to_string().c_str());
  return 1;
}
