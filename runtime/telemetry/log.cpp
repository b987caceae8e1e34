#include "runtime/telemetry/log.hpp"

#include <cerrno>
#include <mutex>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "runtime/telemetry/log_format.hpp"

namespace mecha {

// Writes whole lines, one at a time, at once: nothing is left in a buffer when the process dies.
class LogSink {
 public:
  explicit LogSink(LogOptions options) : options_(std::move(options)) {}
  virtual ~LogSink() = default;

  Level level() const { return options_.level; }

  void write(LogEntry entry) {
    entry.time = std::chrono::system_clock::now();
    entry.since_start =
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - start_);
    std::string line = options_.json ? format_log_json(options_, entry)
                       : coloured()  ? format_log_coloured(options_, entry)
                                     : format_log_text(options_, entry);
    const std::lock_guard lock(mutex_);
    emit(std::move(line));
  }

 private:
  virtual bool coloured() const { return false; }
  virtual void emit(std::string line) = 0;

  const LogOptions options_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
};

namespace {

class FileSink final : public LogSink {
 public:
  FileSink(LogOptions options, int descriptor, bool owned)
      : LogSink(std::move(options)),
        descriptor_(descriptor),
        owned_(owned),
        terminal_(::isatty(descriptor) == 1) {}
  ~FileSink() override {
    if (owned_) ::close(descriptor_);
  }

 private:
  bool coloured() const override { return terminal_; }
  void emit(std::string line) override {
    line += '\n';
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return;  // nobody is left to be told
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  int descriptor_;
  bool owned_, terminal_;
};

class MemorySink final : public LogSink {
 public:
  MemorySink(LogOptions options, std::vector<std::string>& lines)
      : LogSink(std::move(options)), lines_(lines) {}

 private:
  void emit(std::string line) override { lines_.push_back(std::move(line)); }
  std::vector<std::string>& lines_;
};

}  // namespace

Result<std::shared_ptr<LogSink>> make_log_sink(LogOptions options) {
  if (options.file.empty()) {
    return std::make_shared<FileSink>(std::move(options), STDOUT_FILENO, false);
  }
  const int descriptor =
      ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    const std::string why = std::generic_category().message(errno);
    return fail(Code::invalid_argument, "open " + options.file + ": " + why);
  }
  return std::make_shared<FileSink>(std::move(options), descriptor, true);
}

std::shared_ptr<LogSink> make_memory_sink(std::vector<std::string>& lines, LogOptions options) {
  return std::make_shared<MemorySink>(std::move(options), lines);
}

Log::Log(std::shared_ptr<LogSink> sink, std::string scope)
    : sink_(std::move(sink)), scope_(std::move(scope)) {}

Log Log::scoped(std::string scope) const {
  Log other = *this;
  other.scope_ = std::move(scope);
  return other;
}

Log Log::with(std::string name, std::string value) const {
  Log other = *this;
  other.extra_.emplace_back(std::move(name), std::move(value));
  return other;
}

bool Log::enabled(Level level) const { return sink_ && level >= sink_->level(); }

void Log::write(Level level, std::string_view text, Fields fields) const {
  if (enabled(level)) always(level, text, fields);
}

void Log::always(Level level, std::string_view text, Fields fields) const {
  if (!sink_) return;
  sink_->write({.level = level, .text = text, .scope = scope_, .fields = fields, .extra = extra_});
}

}  // namespace mecha
