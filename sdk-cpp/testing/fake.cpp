// What a test tells and asks a fake.

#include "mecha/testing/fake.h"

#include <algorithm>

#include "testing/fake_api.h"
#include "testing/topic.h"
#include "testing/watch.h"

namespace mecha::testing {

using detail::Rule;

Fake::Fake(FakeOptions options) : hub_(std::make_shared<detail::Hub>(std::move(options))) {}

// The application may hold a client of this fake.
Fake::~Fake() {
  // Destroyed after the lock is given back.
  std::vector<std::shared_ptr<detail::Topic>> gone;
  std::shared_ptr<CallbackApi> application;
  const std::lock_guard lock(hub_->mutex);
  application.swap(hub_->application);
  gone.swap(hub_->topics);
  for (const auto& topic : gone) {
    if (!topic->application) hub_->topics.push_back(topic);
  }
}

std::shared_ptr<Api> Fake::api() const { return std::make_shared<detail::FakeApi>(hub_); }

std::chrono::system_clock::time_point Fake::now() const {
  const std::lock_guard lock(hub_->mutex);
  return hub_->now;
}

void Fake::advance(std::chrono::milliseconds by) { hub_->advance(by); }

void Fake::fail(On on, Error error, int times) {
  const std::lock_guard lock(hub_->mutex);
  if (times != 0)
    hub_->rules.push_back({Rule::Kind::fail, std::move(on), times, std::move(error)});
}

void Fake::fail(On on, Code code, int times) {
  fail(std::move(on), mecha::fail(code, "scripted by the test"), times);
}

void Fake::lose_answer(On on, Error error, int times) {
  const std::lock_guard lock(hub_->mutex);
  if (times != 0)
    hub_->rules.push_back({Rule::Kind::lose, std::move(on), times, std::move(error)});
}

void Fake::delay(On on, std::chrono::milliseconds by, int times) {
  const std::lock_guard lock(hub_->mutex);
  if (times != 0) hub_->rules.push_back({Rule::Kind::delay, std::move(on), times, {}, by});
}

Hold Fake::hold(On on) {
  auto state = std::make_shared<detail::HoldState>();
  state->on = std::move(on);
  const std::lock_guard lock(hub_->mutex);
  hub_->holds.push_back(state);
  return Hold(state);
}

void Fake::clear_scripts() {
  const std::lock_guard lock(hub_->mutex);
  hub_->rules.clear();
}

std::vector<CallRecord> Fake::calls(const On& on) const {
  const std::lock_guard lock(hub_->mutex);
  std::vector<CallRecord> to;
  for (const auto& record : hub_->calls) {
    if (detail::fits(on, record.call, record.name, {record.key})) to.push_back(record);
  }
  return to;
}

void Fake::add_component(ComponentInfo info) {
  const std::lock_guard lock(hub_->mutex);
  if (info.version.empty()) info.version = "v1";
  hub_->components.push_back(std::move(info));
}

void Fake::put_state(std::string store, std::string key, std::string value) {
  const std::lock_guard lock(hub_->mutex);
  auto id = hub_->next_id();
  hub_->states[std::move(store)].insert_or_assign(
      std::move(key), detail::StateEntry{std::move(value), std::move(id)}
  );
}

std::optional<std::string> Fake::state(const std::string& store, const std::string& key) const {
  const std::lock_guard lock(hub_->mutex);
  const auto entries = hub_->states.find(store);
  if (entries == hub_->states.end()) return std::nullopt;
  const auto found = entries->second.find(key);
  if (found == entries->second.end() || found->second.expires <= hub_->now) return std::nullopt;
  return found->second.data;
}

void Fake::on_query(std::string store, QueryHandler answer) {
  const std::lock_guard lock(hub_->mutex);
  hub_->queries[std::move(store)] = std::move(answer);
}

std::vector<Published> Fake::published(const std::string& pubsub, const std::string& topic) const {
  const std::lock_guard lock(hub_->mutex);
  std::vector<Published> to;
  for (const auto& message : hub_->published) {
    if (!pubsub.empty() && message.pubsub != pubsub) continue;
    if (!topic.empty() && message.topic != topic) continue;
    to.push_back(message);
  }
  return to;
}

Result<void> Fake::emit_bytes(PublishRequest request) {
  return detail::publish_one(*hub_, std::move(request), nullptr, false);
}

std::vector<Delivered> Fake::delivered(const std::string& topic) const {
  const std::lock_guard lock(hub_->mutex);
  std::vector<Delivered> to;
  for (const auto& message : hub_->delivered) {
    if (topic.empty() || message.event.topic == topic) to.push_back(message);
  }
  return to;
}

void Fake::break_streams(Error error) { detail::break_topics(*hub_, error); }

bool Fake::settle(std::chrono::milliseconds limit) const {
  std::unique_lock lock(hub_->mutex);
  return hub_->changed.wait_until(lock, mecha::detail::after<std::chrono::steady_clock>(limit), [this] {
    return std::all_of(hub_->topics.begin(), hub_->topics.end(), [](const auto& topic) {
      return topic->pending.empty() && topic->unanswered.empty();
    });
  });
}

void Fake::on_invoke(std::string app, std::string method, InvokeHandler answer) {
  const std::lock_guard lock(hub_->mutex);
  hub_->methods[{std::move(app), std::move(method)}] = std::move(answer);
}

void Fake::on_binding(std::string binding, std::string operation, BindingHandler answer) {
  const std::lock_guard lock(hub_->mutex);
  hub_->operations[{std::move(binding), std::move(operation)}] = std::move(answer);
}

std::vector<BindingRequest> Fake::bound(const std::string& binding) const {
  const std::lock_guard lock(hub_->mutex);
  std::vector<BindingRequest> to;
  for (const auto& request : hub_->bound) {
    if (binding.empty() || request.binding == binding) to.push_back(request);
  }
  return to;
}

void Fake::set_secret(std::string store, std::string key, std::string value) {
  Secret values{{key, std::move(value)}};
  set_secret(std::move(store), std::move(key), std::move(values));
}

void Fake::set_secret(std::string store, std::string key, Secret values) {
  const std::lock_guard lock(hub_->mutex);
  hub_->secrets[std::move(store)].insert_or_assign(std::move(key), std::move(values));
}

void Fake::deny_secret(std::string store, std::string key) {
  const std::lock_guard lock(hub_->mutex);
  hub_->denied.emplace(std::move(store), std::move(key));
}

void Fake::set_configuration(std::string store, std::string key, ConfigurationItem item) {
  detail::tell_change(*hub_, store, key, std::move(item));
}

void Fake::add_key(std::string provider, std::string key) {
  const std::lock_guard lock(hub_->mutex);
  hub_->keys[std::move(provider)].insert(std::move(key));
}

void Fake::set_features(std::vector<std::string> features) {
  const std::lock_guard lock(hub_->mutex);
  hub_->features = std::move(features);
}

bool Fake::shut_down() const {
  const std::lock_guard lock(hub_->mutex);
  return hub_->down;
}

}  // namespace mecha::testing
