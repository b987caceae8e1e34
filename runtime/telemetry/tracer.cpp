#include "runtime/telemetry/tracer.hpp"

#include <limits>

#include "runtime/base/text.hpp"
#include "runtime/telemetry/random.hpp"
#include "runtime/telemetry/span_queue.hpp"

namespace mecha::trace {

namespace {

constexpr double kShareDefault = 0.0001;
constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

// Half of the trace id, as the reference's sampler reads it, is below the bound.
std::uint64_t bound_of(double share) {
  if (share >= 1) return kAll;
  return share <= 0 ? 0 : static_cast<std::uint64_t>(share * 0x1.0p63);
}

}  // namespace

double sampling_share(std::string_view rate) {
  return text::to_double(rate).value_or(kShareDefault);
}

Span& Span::operator=(Span&& other) noexcept {
  if (this != &other) {
    end();
    context_ = std::move(other.context_);
    tracer_ = other.tracer_;
    data_ = std::move(other.data_);
  }
  return *this;
}

void Span::rename(std::string name) {
  if (data_) data_->name = std::move(name);
}

void Span::set(std::string_view name, std::string value) {
  if (!data_) return;
  for (auto& attribute : data_->attributes) {
    if (attribute.first == name) {
      attribute.second = std::move(value);
      return;
    }
  }
  data_->attributes.emplace_back(name, std::move(value));
}

void Span::remote(std::string name) {
  if (data_) data_->remote = std::move(name);
}

void Span::fail(std::string description) {
  if (!data_) return;
  data_->failed = true;
  data_->failure = std::move(description);
}

void Span::end() {
  if (!data_) return;
  data_->ended = std::chrono::system_clock::now();
  tracer_->finish(std::move(*data_));
  data_.reset();
}

Tracer::Tracer(
    TracerOptions options, Log log, Shards& shards, std::vector<std::unique_ptr<Exporter>> exporters
) {
  const bool rated = !options.sampling_rate.empty();
  const double share = sampling_share(options.sampling_rate);
  threshold_ = bound_of(share);
  if (share == 0) {
    mode_ = Mode::off;
  } else if (rated || !exporters.empty()) {
    mode_ = Mode::spans;
  }
  queue_ = std::make_shared<Queue>(options, std::move(log), shards, std::move(exporters));
}

Tracer::~Tracer() = default;

bool Tracer::sample(const Context& context, const std::optional<Context>& parent) const {
  if (parent) return parent->sampled();
  if (threshold_ == kAll) return true;
  std::uint64_t half = 0;
  for (std::size_t i = 8; i < 16; ++i) half = half << 8 | context.trace_id[i];
  return half >> 1 < threshold_;
}

Span Tracer::start(std::string_view name, Kind kind, const std::optional<Context>& given) {
  Span span;
  if (mode_ == Mode::off) return span;
  const std::optional<Context> parent = given && given->valid() ? given : std::nullopt;
  if (mode_ == Mode::pass_through) {
    if (parent) span.context_ = *parent;
    return span;
  }
  if (parent) {
    span.context_ = *parent;
  } else {
    span.context_.trace_id = random_id<16>();
  }
  span.context_.span_id = random_id<8>();
  const bool sampled = sample(span.context_, parent);
  span.context_.flags = static_cast<std::uint8_t>((span.context_.flags & ~1) | (sampled ? 1 : 0));
  if (!sampled) return span;
  span.tracer_ = this;
  span.data_ = std::make_unique<Finished>();
  span.data_->context = span.context_;
  if (parent) span.data_->parent = parent->span_id;
  span.data_->name = name;
  span.data_->kind = kind;
  span.data_->begun = std::chrono::system_clock::now();
  return span;
}

void Tracer::finish(Finished span) {
  if (queue_->exports()) queue_->add(std::move(span));
}

asio::awaitable<void> Tracer::stop(std::chrono::steady_clock::duration limit) {
  co_await queue_->stop(limit);
}

std::uint64_t Tracer::dropped() const { return queue_->dropped; }

}  // namespace mecha::trace
