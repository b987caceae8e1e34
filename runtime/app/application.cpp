#include "runtime/app/application.hpp"

#include <algorithm>

#include "runtime/resilience/policies.hpp"
#include "runtime/telemetry/path_labels.hpp"
#include "runtime/telemetry/tracer.hpp"

namespace mecha {

Application::Application(
    Shards& the_shards, ApplicationInfo facts, Log runtime_log, std::unique_ptr<Metrics> the_metrics
)
    : shards(the_shards), info(std::move(facts)), log(std::move(runtime_log)), metrics(std::move(the_metrics)) {
  auto empty = std::make_shared<Snapshot>();
  empty->resiliency = std::make_shared<resilience::Policies>();
  snapshot_ = std::move(empty);
  path_labels = std::make_unique<telemetry::PathLabels>(true, std::vector<std::string>(), false);
}

Application::~Application() = default;

void Application::set_attribute(std::string key, std::string value) {
  const std::lock_guard lock(mutex_);
  attributes_[std::move(key)] = std::move(value);
}

std::map<std::string, std::string> Application::attributes() const {
  const std::lock_guard lock(mutex_);
  return attributes_;
}

void Application::set_subscriptions(std::vector<SubscriptionSpec> list) {
  const std::lock_guard lock(mutex_);
  subscriptions_ = std::move(list);
}

std::vector<SubscriptionSpec> Application::subscriptions() const {
  const std::lock_guard lock(mutex_);
  auto all = subscriptions_;
  for (const auto& stream : streaming_) all.push_back(*stream);
  return all;
}

void Application::add_streaming(std::shared_ptr<const SubscriptionSpec> subscription) {
  const std::lock_guard lock(mutex_);
  streaming_.push_back(std::move(subscription));
}

void Application::remove_streaming(const std::shared_ptr<const SubscriptionSpec>& subscription) {
  const std::lock_guard lock(mutex_);
  std::erase(streaming_, subscription);
}

}  // namespace mecha
