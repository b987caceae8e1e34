#include "runtime/daemon/runtime.hpp"

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "components/builtin.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/text.hpp"
#include "runtime/daemon/address.hpp"
#include "runtime/daemon/build.hpp"
#include "runtime/daemon/notify.hpp"
#include "runtime/daemon/settings.hpp"

namespace mecha {
namespace {

using namespace std::chrono_literals;

// The words of the reference for the signals that end it.
std::string signal_name(int signal) {
  if (signal == SIGTERM) return "terminated";
  return signal == SIGINT ? "interrupt" : std::to_string(signal);
}

std::optional<Level> level_of(std::string_view name) {
  const auto lower = text::lower(name);
  if (lower == "debug") return Level::debug;
  if (lower == "info") return Level::info;
  if (lower == "warn" || lower == "warning") return Level::warning;
  if (lower == "error") return Level::error;
  if (lower == "fatal") return Level::fatal;
  return std::nullopt;
}

}  // namespace

Runtime::Runtime(Options options)
    : options_(std::move(options)),
      shards_(std::make_unique<Shards>(options_.shards)),
      wake_(std::make_unique<Event>(shards_->executor(0))) {
  register_builtin(catalog_);
}

Runtime::~Runtime() = default;

Result<std::shared_ptr<LogSink>> Runtime::open_log() const {
  LogOptions log;
  log.json = options_.log_as_json;
  log.file = options_.log_file;
  log.app_id = options_.app_id;
  log.instance = host_name();
  log.version = std::string(kApiVersion);
  const auto level = level_of(options_.log_level);
  if (level) log.level = *level;
  auto sink = make_log_sink(std::move(log));
  if (sink && !level) {
    Log(*sink, "dapr.runtime").fatal("invalid value for --log-level: " + options_.log_level);
    return fail(Code::invalid_argument, "");
  }
  return sink;
}

int Runtime::run() {
  auto sink = open_log();
  if (!sink) {
    if (!sink.error().message.empty()) std::fprintf(stderr, "mechad: %s\n", sink.error().message.c_str());
    return 1;
  }
  sink_ = std::move(*sink);
  log_ = Log(sink_, "dapr.runtime");
  const auto sizes = parse_sizes(options_);
  if (!sizes) {
    log_.fatal("Failed to parse flags: " + sizes.error().message);
    return 1;
  }
  log_.info("Starting Dapr Runtime -- version " + std::string(kApiVersion) + " -- commit " + std::string(kCommit));
  log_.info("Log level set to: " + options_.log_level);
  auto settings = check_settings(options_, *sizes);
  if (!settings) {
    log_.fatal("Fatal error from runtime: " + settings.error().message);
    return 1;
  }
  if (options_.dapr_graceful_shutdown_seconds == 0) {
    log_.warn("Graceful shutdown timeout is infinite, will wait indefinitely to shutdown");
  }
  on_stray_exception([log = log_](const std::string& text) { log.error("background work failed: " + text); });
  Host::Ended ended;
  ended.failed = [this](Error error) {
    failure_ = std::move(error);
    wake_->set();
  };
  ended.asked = [this](bool force) {
    asio::post(shards_->executor(0), [this, force] {
      if (force) {
        log_.warn("Force shutdown requested, exiting immediately without graceful shutdown");
        forced_ = true;
        wake_->set();
        return;
      }
      log_.info("Shutdown requested via API");
      wake_->set();
    });
  };
  hosts_.push_back(std::make_unique<Host>(*shards_, options_, std::move(*settings), sink_, catalog_, std::move(ended)));
  asio::co_spawn(shards_->executor(0), live(), [this](std::exception_ptr error) {
    if (error) {
      log_.fatal("Fatal error from runtime: an exception left the main work");
      code_ = 1;
    }
    shards_->stop();
  });
  shards_->run();
  return code_;
}

void Runtime::stop(int signal) {
  asio::post(shards_->executor(0), [this, signal] {
    if (signal == SIGHUP) {
      log_.info("Received signal 'hangup'; reading configuration and resources again");
      for (auto& host : hosts_) host->hang_up();
      return;
    }
    if (stopping_ || signalled_) {
      log_.fatal("Received signal '" + signal_name(signal) + "' during shutdown; exiting immediately");
      end(1);
      return;
    }
    log_.info("Received signal '" + signal_name(signal) + "'; beginning shutdown");
    signalled_ = true;
    wake_->set();
  });
}

// Ends without taking anything down: what holds work back has been told already.
void Runtime::end(int code) { std::_Exit(code); }

asio::awaitable<void> Runtime::live() {
  for (auto& host : hosts_) {
    auto started = co_await host->start();
    if (!started) {
      failure_ = std::move(started).error();
      break;
    }
  }
  if (!failure_) notify_service_manager(options_.variable("NOTIFY_SOCKET"), "READY=1");
  while (!failure_ && !wake_->is_set()) co_await wake_->wait();
  if (forced_) {
    co_await sleep_for(100ms);  // the answer to the request is on its way
    end(1);
  }
  co_await shut_down();
}

asio::awaitable<void> Runtime::shut_down() {
  stopping_ = true;
  notify_service_manager(options_.variable("NOTIFY_SOCKET"), "STOPPING=1");
  if (signalled_ && !failure_) {
    for (auto& host : hosts_) co_await host->hold_back();
  }
  log_.info("Dapr is shutting down");
  auto stopped = Host::Stopped::done;
  for (auto host = hosts_.rbegin(); host != hosts_.rend(); ++host) {
    stopped = std::max(stopped, co_await (*host)->stop());
  }
  if (stopped == Host::Stopped::late && !failure_) {
    log_.fatal("Graceful shutdown timeout exceeded, forcing shutdown");
    end(1);
  }
  if (stopped == Host::Stopped::done) hosts_.clear();
  log_.info("Dapr runtime stopped");
  if (failure_) {
    log_.fatal("Fatal error from runtime: " + failure_->message);
    code_ = 1;
  } else {
    log_.info("Daprd shutdown gracefully");
  }
  // What has not ended still runs: taking its ground away would be worse than leaving.
  if (stopped != Host::Stopped::done) end(code_);
}

}  // namespace mecha
