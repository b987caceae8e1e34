#include "components/kafka/retry.hpp"

#include <algorithm>
#include <cmath>
#include <random>

#include "runtime/base/text.hpp"

namespace mecha::kafka {
namespace {

using namespace std::chrono_literals;

std::unexpected<Error> wrong(
    std::string_view name, std::string_view kind, const std::string& text
) {
  return fail(
      Code::invalid_argument,
      "kafka error: " + std::string(name) + " is no " + std::string(kind) + ": " + text
  );
}

Result<void> read(const std::string& text, std::string_view name, milliseconds& time) {
  if (text.empty()) return {};
  const auto read = text::duration_or(text, 1ms);
  if (!read) return wrong(name, "duration", text);
  time = std::chrono::duration_cast<milliseconds>(*read);
  return {};
}

Result<void> read(const std::string& text, std::string_view name, double& number) {
  if (text.empty()) return {};
  const auto read = text::to_double(text);
  if (!read) return wrong(name, "number", text);
  number = *read;
  return {};
}

}  // namespace

std::optional<milliseconds> Retry::next(
    std::int64_t number, std::chrono::steady_clock::duration elapsed
) const {
  if (!enabled || (retries_max >= 0 && number > retries_max)) return std::nullopt;
  if (!exponential) return pause;
  if (elapsed_max.count() > 0 && elapsed > elapsed_max) return std::nullopt;
  thread_local std::minstd_rand random{std::random_device{}()};
  const double spread =
      std::uniform_real_distribution<double>(1 - randomization, 1 + randomization)(random);
  const double grown =
      static_cast<double>(pause.count()) * std::pow(multiplier, static_cast<double>(number - 1));
  const double most = static_cast<double>(pause_max.count());
  return milliseconds(static_cast<std::int64_t>(std::min(grown, most) * spread));
}

Result<Retry> make_retry(const Settings& s, bool enabled) {
  Retry retry;
  retry.enabled = s.consume_retry.value_or(enabled);
  retry.exponential = s.backoff_policy == "exponential";
  if (retry.exponential) retry.pause = 500ms;
  MECHA_TRY_VOID(
      retry.exponential ? read(s.backoff_initial, "backOffInitialInterval", retry.pause)
                        : read(s.backoff_duration, "backOffDuration", retry.pause)
  );
  MECHA_TRY_VOID(read(s.backoff_interval_max, "backOffMaxInterval", retry.pause_max));
  MECHA_TRY_VOID(read(s.backoff_elapsed_max, "backOffMaxElapsedTime", retry.elapsed_max));
  MECHA_TRY_VOID(read(s.backoff_multiplier, "backOffMultiplier", retry.multiplier));
  MECHA_TRY_VOID(read(s.backoff_randomization, "backOffRandomizationFactor", retry.randomization));
  if (s.backoff_retries_max.empty()) return retry;
  const auto most = text::to_int(s.backoff_retries_max);
  if (!most) return wrong("backOffMaxRetries", "number", s.backoff_retries_max);
  retry.retries_max = *most;
  return retry;
}

}  // namespace mecha::kafka
