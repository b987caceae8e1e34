// Input binding on a clock: an event each time a schedule is due (contract 03, 5.6). Every instance
// fires for itself.

#include "runtime/base/cron.hpp"

#include <array>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include "components/bindings/binding.hpp"
#include "components/catalog.hpp"
#include "runtime/async/gate.hpp"
#include "runtime/async/within.hpp"

namespace mecha::bindings {
namespace {

using namespace std::chrono_literals;
using Time = cron::Schedule::Time;

// Runs may overlap; so many at most, where the application takes longer than the schedule's period.
constexpr std::size_t kRunsMax = 1000;
// The clock on the wall may be set, so that a long wait is cut into such pieces.
constexpr auto kWaitMax = std::chrono::seconds(60);

struct CronSettings {
  std::string schedule;

  static constexpr auto fields() {
    using S = CronSettings;
    return std::tuple{
        field(
            "schedule",
            &S::schedule,
            "Five or six fields, a descriptor such as @hourly, or @every 1m30s."
        )
            .required("schedule not set"),
    };
  }
};

// As Go prints a time in UTC: "2006-01-02 15:04:05.999999999 +0000 UTC", zeros at the end cut.
std::string print_utc(Time time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count();
  const auto whole = static_cast<std::time_t>(seconds.count());
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  std::array<char, 32> text{};
  std::string out(
      text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts)
  );
  if (nanos > 0) {
    auto part = std::to_string(nanos);
    part.insert(0, 9 - part.size(), '0');
    part.erase(part.find_last_not_of('0') + 1);
    out.append(".").append(part);
  }
  return out.append(" +0000 UTC");
}

class CronBinding final : public Binding, public InputBinding {
 public:
  using Settings = CronSettings;
  static constexpr ComponentInfo info{
      "bindings.cron", "v1", "An event each time a schedule is due."
  };

  CronBinding(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), executor_(context.shards.executor(0)), log_(context.log) {}

  InputBinding* input() override { return this; }

  static Result<cron::Schedule> check(const Settings& settings) {
    auto parsed = cron::Schedule::parse(settings.schedule);
    if (parsed) return parsed;
    return fail(
        std::move(parsed).error().context("invalid schedule format '" + settings.schedule + "'")
    );
  }

  Async<void> start() override {
    MECHA_CO_TRY(schedule_, check(settings_));
    co_return Result<void>{};
  }

  Async<void> stop() override {
    co_await stop_reading(0s);
    co_return Result<void>{};
  }

  Async<void> read(EventHandler handler) override {
    if (running_) co_return fail(Code::failed_precondition, "the schedule is running already");
    running_ = std::make_unique<Running>(executor_);
    spawn(running_->clock, executor_, run(std::move(handler)));
    co_return Result<void>{};
  }

  asio::awaitable<void> stop_reading(std::chrono::steady_clock::duration grace) override {
    const auto ending = std::exchange(running_, nullptr);
    if (!ending) co_return;
    co_await ending->clock.close(0s);
    co_await ending->runs.close(grace);
  }

 private:
  struct Running {
    explicit Running(const Executor& executor) : clock(executor), runs(executor) {}
    Gate clock;  // the loop that waits
    Gate runs;   // events under way
  };

  asio::awaitable<void> run(EventHandler handler) {
    auto* running = running_.get();
    auto due = schedule_->next(std::chrono::system_clock::now());
    while (due && co_await wait_until(*due)) {
      if (running->runs.running() < kRunsMax) {
        spawn(running->runs, executor_, fire(handler));
      } else {
        log_.warn(
            "the schedule is due, but too many of its events are under way; this one is left out"
        );
      }
      // From the time that was due, so that periods do not drift; what was slept through is not
      // made up for.
      due = schedule_->next(*due);
      if (const auto now = std::chrono::system_clock::now(); due && *due <= now)
        due = schedule_->next(now);
    }
  }

  static asio::awaitable<bool> wait_until(Time due) {
    for (;;) {
      const auto left = due - std::chrono::system_clock::now();
      if (left <= 0ns) co_return true;
      const bool woke = co_await sleep_for(std::min<std::chrono::nanoseconds>(left, kWaitMax));
      if (!woke) co_return false;
    }
  }

  // What became of an event is the capability's to log; a failed one is not tried again.
  static asio::awaitable<void> fire(EventHandler handler) {
    InputEvent event;
    event.metadata["timeZone"] = "Local";
    event.metadata["readTimeUTC"] = print_utc(std::chrono::system_clock::now());
    (void)co_await handler(std::move(event));
  }

  Settings settings_;
  Executor executor_;
  Log log_;
  std::optional<cron::Schedule> schedule_;  // set by start()
  std::unique_ptr<Running> running_;        // while reading
};

}  // namespace

void register_cron(Catalog& catalog) { catalog.add<CronBinding>(); }

}  // namespace mecha::bindings
