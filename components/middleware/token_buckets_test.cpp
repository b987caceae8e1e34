// TokenBuckets: rate, burst, keys apart, and the bound.

#include "components/middleware/token_buckets.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace std::chrono_literals;

namespace {

class Still final : public Clock {
 public:
  Mono now() const override { return time; }
  Mono time{1h};
};

}  // namespace

TEST_CASE("a bucket gives its burst and then its rate", "[middleware][ratelimit]") {
  Still clock;
  middleware::TokenBuckets buckets(2, 3, clock);
  for (int i = 0; i < 3; ++i) CHECK(buckets.take("a").allowed);
  CHECK_FALSE(buckets.take("a").allowed);
  CHECK(buckets.take("b").left == 2);
  clock.time += 499ms;
  CHECK_FALSE(buckets.take("a").allowed);
  clock.time += 1ms;
  CHECK(buckets.take("a").allowed);
  CHECK_FALSE(buckets.take("a").allowed);
  clock.time += 1h;
  CHECK(buckets.take("a").left == 2);
}

TEST_CASE("keys are bounded, and full buckets are forgotten", "[middleware][ratelimit]") {
  Still clock;
  middleware::TokenBuckets buckets(1, 1, clock, 1600);
  for (int i = 0; i < 20000; ++i) (void)buckets.take("key" + std::to_string(i));
  CHECK(buckets.size() <= 1600);
  CHECK(buckets.size() > 800);
  clock.time += 1h;
  for (int i = 0; i < 4000; ++i) (void)buckets.take("again");
  for (int i = 0; i < 2000; ++i) (void)buckets.take("other" + std::to_string(i));
  CHECK(buckets.size() <= 1600);
}
