// middleware.http.sentinel: limits per method and path, and of all requests (contract 01, 7.2).

#include "components/catalog.hpp"
#include "components/middleware/middleware.hpp"
#include "components/middleware/sentinel_rules.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"

namespace mecha::middleware {
namespace {

struct SentinelSettings {
  std::string app_name, log_dir, flow_rules, isolation_rules, breaker_rules, parameter_rules, system_rules;

  static constexpr auto fields() {
    using S = SentinelSettings;
    return std::tuple{
        field("appName", &S::app_name, "Name in the log line of a blocked request."),
        field("logDir", &S::log_dir, "Warned about: what there is to tell stands in the daemon's log."),
        field(
            "flowRules", &S::flow_rules,
            "JSON array: `resource` (`GET:/path`), `threshold`, `statIntervalInMs`, `controlBehavior` (0 refuses, 1 queues), "
            "`maxQueueingTimeMs`."
        ),
        field("isolationRules", &S::isolation_rules, "JSON array: `resource` and `threshold`, requests at a time."),
        field(
            "circuitBreakerRules", &S::breaker_rules,
            "JSON array: `resource`, `strategy` (0: by slow requests; others never act), `maxAllowedRtMs`, `threshold` (0 to 1), "
            "`minRequestAmount`, `statIntervalMs`, `statSlidingWindowBucketCount`, `retryTimeoutMs`, `probeNum`."
        ),
        field("hotSpotParamRules", &S::parameter_rules, "JSON array; they never act, as requests have no parameters."),
        field(
            "systemRules", &S::system_rules,
            "JSON array, of all requests: `metricType` (1: mean milliseconds, 2: under way, 3: per second) and `triggerCount`."
        ),
    };
  }
};

class Sentinel final : public Middleware {
 public:
  using Settings = SentinelSettings;
  static constexpr ComponentInfo info{"middleware.http.sentinel", "v1", "Limits per method and path, by rules."};

  Sentinel(Settings settings, const ComponentContext& context) : settings_(std::move(settings)), log_(context.log) {}

  static auto check(const Settings& settings) -> decltype(SentinelRules::parse({})) {
    return SentinelRules::parse({
        .flow = settings.flow_rules,
        .isolation = settings.isolation_rules,
        .breaker = settings.breaker_rules,
        .parameter = settings.parameter_rules,
        .system = settings.system_rules,
    });
  }

  Async<void> start() override {
    MECHA_CO_TRY(auto rules, check(settings_));
    if (!settings_.log_dir.empty()) log_.warn("logDir has no effect: blocked requests are told in the log of the daemon");
    for (const auto& what : rules->idle()) log_.warn("rules never act", {{"rules", what}});
    rules_ = std::move(rules);
    co_return Result<void>{};
  }

  asio::awaitable<std::optional<Reply>> enter(net::RequestHead& request, std::string, Step& step) override {
    const auto path = text::unescape_path(request.path()).value_or(std::string(request.path()));
    const auto resource = request.method + ":" + path;
    const auto entered = rules_->now_ms();
    const auto wait = rules_->enter(resource);
    if (!wait) {
      log_.debug("request blocked by a rule", {{"resource", resource}, {"app", settings_.app_name}});
      co_return plain_reply(429);
    }
    step.held = std::shared_ptr<void>(nullptr, [rules = rules_, resource, entered](void*) { rules->leave(resource, entered); });
    if (*wait > 0) (void)co_await sleep_for(std::chrono::milliseconds(*wait));
    co_return std::nullopt;
  }

 private:
  Settings settings_;
  Log log_;
  std::shared_ptr<SentinelRules> rules_;
};

}  // namespace

void register_sentinel(Catalog& catalog) { catalog.add<Sentinel>(); }

}  // namespace mecha::middleware
