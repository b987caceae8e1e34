// The handlers of a service by their names.

#include "src/registry.h"

#include <string_view>

namespace mecha::wire {
namespace {

std::string topic_name(const std::string& pubsub, const std::string& topic) {
  return "topic " + topic + " of " + pubsub;
}

std::string_view bare(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return path;
}

// A member of the subscription, said by one of its handlers or by none: false on contradiction.
template <class T>
bool agree(T& whole, const T& part) {
  if (part == T() || part == whole) return true;
  if (whole != T()) return false;
  whole = part;
  return true;
}

bool agree(std::optional<BulkOptions>& whole, const std::optional<BulkOptions>& part) {
  if (!part) return true;
  if (!whole) {
    whole = part;
    return true;
  }
  return whole->max_messages == part->max_messages && whole->max_wait == part->max_wait;
}

// What one handler adds to the subscription; false on contradiction.
bool join(TopicSubscription& whole, const TopicOptions& part) {
  if (part.match.empty()) {
    whole.default_path = part.path;
  } else {
    whole.rules.push_back({part.match, part.path});
  }
  return agree(whole.dead_letter_topic, part.dead_letter_topic) &&
         agree(whole.metadata, part.metadata) && agree(whole.bulk, part.bulk);
}

}  // namespace

void Registry::add(
    std::string method, detail::Handler<MethodCall, MethodReply> handler, MethodOptions options
) {
  auto entry =
      std::make_shared<const Entry<MethodCall, MethodReply>>(std::move(handler), options.limit);
  const auto name = "method " + options.verb + (options.verb.empty() ? "" : " ") + method;
  if (!methods_[std::move(method)].emplace(std::move(options.verb), std::move(entry)).second)
    problems_.push_back(name + " has two handlers");
}

void Registry::add(const std::string& pubsub, const std::string& topic, Route route) {
  const TopicKey key(pubsub, topic);
  auto& routes = topics_[key];
  if (routes.empty()) order_.push_back(key);
  auto& path = route.options.path;
  if (path.empty()) {
    path = "/" + topic;
    if (!route.options.match.empty()) path += "/" + std::to_string(routes.size() + 1);
  }
  for (const auto& other : routes) {
    if (bare(other.options.path) == bare(path) || other.options.match == route.options.match)
      problems_.push_back(topic_name(pubsub, topic) + " has two handlers for the same messages");
    if (other.options.declared != route.options.declared)
      problems_.push_back(topic_name(pubsub, topic) + " is declared for one handler only");
  }
  routes.push_back(std::move(route));
}

void Registry::add(std::string binding, BindingEntry entry) {
  const auto [at, is_new] = bindings_.emplace(std::move(binding), std::move(entry));
  if (!is_new) problems_.push_back("binding " + at->first + " has two handlers");
}

void Registry::add(std::string job, JobEntry entry) {
  const auto [at, is_new] = jobs_.emplace(std::move(job), std::move(entry));
  if (!is_new) problems_.push_back("job " + at->first + " has two handlers");
}

void Registry::add(HealthEntry entry) {
  if (health_) problems_.push_back("health has two handlers");
  health_ = std::move(entry);
}

Result<void> Registry::check() const {
  auto problems = problems_;
  for (const auto& key : order_) {
    const auto& routes = topics_.at(key);
    TopicSubscription whole;
    for (const auto& route : routes) {
      if (!join(whole, route.options))
        problems.push_back(topic_name(key.first, key.second) + ": its handlers disagree");
    }
  }
  if (problems.empty()) return {};
  std::string text;
  for (const auto& problem : problems) text += (text.empty() ? "" : "; ") + problem;
  return fail(Code::invalid_argument, std::move(text));
}

MethodEntry Registry::method(const std::string& name, const std::string& verb) const {
  const auto by_verb = [&](const std::map<std::string, MethodEntry>& verbs) -> MethodEntry {
    auto found = verbs.find(verb);
    if (found == verbs.end()) found = verbs.find("");
    return found == verbs.end() ? nullptr : found->second;
  };
  if (const auto exact = methods_.find(name); exact != methods_.end()) {
    if (auto entry = by_verb(exact->second)) return entry;
  }
  MethodEntry best;
  std::size_t length = 0;
  for (const auto& [pattern, verbs] : methods_) {
    if (!pattern.ends_with('*') || pattern.size() <= length) continue;
    if (!name.starts_with(std::string_view(pattern).substr(0, pattern.size() - 1))) continue;
    if (auto entry = by_verb(verbs)) {
      best = std::move(entry);
      length = pattern.size();
    }
  }
  return best;
}

const Route* Registry::find(const TopicKey& key, const std::string& path) const {
  const auto found = topics_.find(key);
  if (found == topics_.end()) return nullptr;
  for (const auto& route : found->second)
    if (bare(route.options.path) == bare(path)) return &route;
  // A subscription that somebody else declared has paths of its own; it needs one handler for all.
  for (const auto& route : found->second)
    if (route.options.match.empty()) return &route;
  return nullptr;
}

const Route* Registry::route(const TopicEvent& event) const {
  return find({event.pubsub, event.topic}, event.path);
}
const Route* Registry::route(const BulkTopicEvent& batch) const {
  return find({batch.pubsub, batch.topic}, batch.path);
}

BindingEntry Registry::binding(const std::string& name) const {
  const auto found = bindings_.find(name);
  return found == bindings_.end() ? nullptr : found->second;
}

JobEntry Registry::job(const std::string& name) const {
  const auto found = jobs_.find(name);
  return found == jobs_.end() ? nullptr : found->second;
}

std::vector<TopicSubscription> Registry::topics() const {
  std::vector<TopicSubscription> to;
  for (const auto& key : order_) {
    const auto& routes = topics_.at(key);
    if (routes.front().options.declared) continue;
    TopicSubscription whole{key.first, key.second};
    for (const auto& route : routes) join(whole, route.options);
    to.push_back(std::move(whole));
  }
  return to;
}

std::vector<std::string> Registry::bindings() const {
  std::vector<std::string> to;
  for (const auto& [name, entry] : bindings_) to.push_back(name);
  return to;
}

bool Registry::needs_port() const noexcept {
  return !methods_.empty() || !topics_.empty() || !bindings_.empty() || !jobs_.empty() || health_;
}

void Registry::close() const noexcept {
  for (const auto& [name, verbs] : methods_)
    for (const auto& [verb, entry] : verbs) entry->limiter->close();
  for (const auto& [key, routes] : topics_) {
    for (const auto& route : routes) {
      if (route.single) route.single->limiter->close();
      if (route.bulk) route.bulk->limiter->close();
    }
  }
  for (const auto& [name, entry] : bindings_) entry->limiter->close();
  for (const auto& [name, entry] : jobs_) entry->limiter->close();
  for (const auto& stream : streams_) stream.handler->limiter->close();
  if (health_) health_->limiter->close();
}

}  // namespace mecha::wire
