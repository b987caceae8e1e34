#include "components/redis/server.hpp"

namespace mecha::redis {
namespace {

// Commands on one connection beyond which another one is worth opening.
constexpr std::size_t kCrowded = 64;

}  // namespace

Server::Server(Executor executor, Gate& gate, std::shared_ptr<const Options> options)
    : executor_(std::move(executor)), gate_(gate), options_(std::move(options)) {}

std::shared_ptr<Line> Server::make() {
  auto line = std::make_shared<Line>(executor_, gate_, options_);
  if (closed_) line->close();
  return line;
}

Line& Server::pick() {
  Line* best = nullptr;
  for (const auto& line : fast_) {
    if (line->load() < kCrowded) return *line;
    if (!best || line->load() < best->load()) best = line.get();
  }
  if (fast_.size() < options_->lines) return *fast_.emplace_back(make());
  return *best;
}

Line& Server::slow() {
  if (!slow_) slow_ = make();
  return *slow_;
}

std::size_t Server::load() const {
  std::size_t load = slow_ ? slow_->load() : 0;
  for (const auto& line : fast_) load += line->load();
  return load;
}

void Server::close() {
  closed_ = true;
  for (const auto& line : fast_) line->close();
  if (slow_) slow_->close();
}

}  // namespace mecha::redis
