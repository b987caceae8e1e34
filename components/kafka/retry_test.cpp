#include "components/kafka/retry.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::kafka;
using namespace std::chrono_literals;

TEST_CASE(
    "without settings a failed record is tried again every five seconds, without end", "[kafka]"
) {
  const auto retry = make_retry({}, true).value();
  CHECK(retry.next(1, 0s) == 5000ms);
  CHECK(retry.next(1'000'000, 24h) == 5000ms);
  CHECK(!make_retry({}, false).value().next(1, 0s));
}

TEST_CASE("the setting wins over the component's default, both ways", "[kafka]") {
  Settings settings;
  settings.consume_retry = true;
  CHECK(make_retry(settings, false).value().next(1, 0s));
  settings.consume_retry = false;
  CHECK(!make_retry(settings, true).value().next(1, 0s));
}

TEST_CASE("retries end after their number; bare numbers are milliseconds", "[kafka]") {
  Settings settings;
  settings.backoff_duration = "250";
  settings.backoff_retries_max = "2";
  const auto retry = make_retry(settings, true).value();
  CHECK(retry.next(2, 0s) == 250ms);
  CHECK(!retry.next(3, 0s));
}

TEST_CASE("the exponential policy grows to its bound and ends with its time", "[kafka]") {
  Settings settings;
  settings.backoff_policy = "exponential";
  settings.backoff_initial = "100ms";
  settings.backoff_multiplier = "2";
  settings.backoff_randomization = "0";
  settings.backoff_interval_max = "1s";
  settings.backoff_elapsed_max = "1m";
  const auto retry = make_retry(settings, true).value();
  CHECK(retry.next(1, 0s) == 100ms);
  CHECK(retry.next(3, 0s) == 400ms);
  CHECK(retry.next(10, 0s) == 1000ms);
  CHECK(!retry.next(2, 61s));
}

TEST_CASE("settings that cannot be read are named", "[kafka]") {
  Settings settings;
  settings.backoff_duration = "soon";
  CHECK(
      make_retry(settings, true).error().message ==
      "kafka error: backOffDuration is no duration: soon"
  );
  settings = {};
  settings.backoff_retries_max = "many";
  CHECK(
      make_retry(settings, true).error().message ==
      "kafka error: backOffMaxRetries is no number: many"
  );
}
