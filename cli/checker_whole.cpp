// Checker: what only all files together show: names that are taken, and names that nobody has.

#include <algorithm>
#include <map>
#include <set>

#include "cli/checker.hpp"
#include "components/middleware/pipeline.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/state/outbox.hpp"
#include "runtime/resilience/policies.hpp"

namespace mecha::cli {
namespace {

// Whether a sidecar may meet both.
template <class T>
bool together(const T& a, const T& b) {
  return a.name_space.empty() || b.name_space.empty() || a.name_space == b.name_space;
}

bool in_one_application(const ComponentSpec& a, const ComponentSpec& b) {
  if (!together(a, b)) return false;
  return a.scopes.empty() || b.scopes.empty() || std::ranges::any_of(a.scopes, [&](const auto& app) { return std::ranges::find(b.scopes, app) != b.scopes.end(); });
}

bool is_actor_store(const ComponentSpec& spec) {
  const auto marked = spec.value("actorStateStore");
  return spec.category() == "state" && marked && text::truthy(*marked);
}

Location item_of(const ComponentSpec& spec, std::string_view name) {
  const auto found = std::ranges::find_if(spec.metadata, [&](const NameValue& item) { return text::equals_nocase(item.name, name); });
  return found == spec.metadata.end() ? spec.location : found->location;
}

}  // namespace

void Checker::whole() {
  whole_names();
  whole_references();
  whole_resiliency();
  whole_pipelines();
}

void Checker::whole_names() {
  // Each with the earlier ones of its name.
  const auto repeated = [](const auto& list, auto tell) {
    for (std::size_t i = 0; i < list.size(); ++i) {
      for (std::size_t k = 0; k < i; ++k) {
        if (list[i].spec.name.empty() || list[i].spec.name != list[k].spec.name) continue;
        tell(list[i], list[k]);
        break;
      }
    }
  };
  repeated(components_, [this](const auto& one, const auto& other) {
    if (!together(one.spec, other.spec)) return;
    error(at(one.spec.location, *one.root, {"metadata", "name"}), "two components are called " + text::quote(one.spec.name) + ", the other at " + other.spec.location.text() + "; a sidecar does not start with both", "rename one of them");
  });
  repeated(endpoints_, [this](const auto& one, const auto& other) {
    if (!together(one.spec, other.spec)) return;
    error(at(one.spec.location, *one.root, {"metadata", "name"}), "two HTTPEndpoints are called " + text::quote(one.spec.name) + ", the other at " + other.spec.location.text() + "; then no HTTPEndpoint is loaded", "rename one of them");
  });
  repeated(subscriptions_, [this](const auto& one, const auto& other) {
    warn(at(one.spec.location, *one.root, {"metadata", "name"}), "two subscriptions are called " + text::quote(one.spec.name) + ", the other at " + other.spec.location.text() + "; only one of them counts", "rename one of them");
  });
  for (std::size_t i = 0; i < components_.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const auto& one = components_[i].spec;
      const auto& other = components_[k].spec;
      if (one.name == other.name || !is_actor_store(one) || !is_actor_store(other) || !in_one_application(one, other)) continue;
      error(item_of(one, "actorStateStore"), "there are two actor state stores, " + text::quote(one.name) + " and " + text::quote(other.name) + " at " + other.location.text() + "; a sidecar with actors does not start with both", "leave actorStateStore to one of them");
      break;
    }
  }
}

void Checker::refer(const Location& at, const std::string& name, std::string_view category, const std::string& what) {
  if (name.empty()) return;
  std::vector<std::string> others;
  std::string found;
  for (const auto& [spec, root] : components_) {
    if (spec.name == name) found = spec.category();
    if (category.empty() || spec.category() == category) others.push_back(spec.name);
    if (spec.name == name && (category.empty() || spec.category() == category)) return;
  }
  const std::string thing = category.empty() ? "component" : std::string(category);
  if (!found.empty()) return error(at, what + " names the component " + text::quote(name) + ", which is of " + found + ", not of " + thing, did_you_mean(name, others));
  warn(at, what + " names the component " + text::quote(name) + ", but there is no " + thing + " of that name here", did_you_mean(name, others));
}

void Checker::whole_references() {
  for (const auto& [spec, root] : subscriptions_) {
    refer(at(spec.location, *root, {"spec", "pubsubname"}), spec.pubsub, "pubsub", "subscription " + text::quote(spec.name));
  }
  const auto store = [this](const auto& spec, const yaml::Node& root, const std::string& what) {
    if (spec.secret_store != "kubernetes") refer(at(spec.location, root, {"auth", "secretStore"}), spec.secret_store, "secretstores", what);
  };
  for (const auto& [spec, root] : endpoints_) store(spec, *root, "HTTPEndpoint " + text::quote(spec.name));
  for (const auto& [spec, root] : components_) {
    const auto what = "component " + text::quote(spec.name);
    store(spec, *root, what);
    if (spec.category() != "state") continue;
    const auto broker = spec.value("outboxPublishPubsub").value_or(""), topic = spec.value("outboxPublishTopic").value_or("");
    if (const auto outbox = state::outbox_config(spec)) {
      refer(item_of(spec, "outboxPublishPubsub"), outbox->pubsub, "pubsub", what + ": outboxPublishPubsub");
      if (outbox->internal_pubsub != outbox->pubsub) refer(item_of(spec, "outboxPubsub"), outbox->internal_pubsub, "pubsub", what + ": outboxPubsub");
    } else if (!broker.empty() || !topic.empty()) {
      error(item_of(spec, broker.empty() ? "outboxPublishTopic" : "outboxPublishPubsub"), what + ": the outbox is off, as it needs outboxPublishPubsub and outboxPublishTopic in exactly this spelling", broker.empty() ? "add outboxPublishPubsub: <name of a broker>" : "add outboxPublishTopic");
    }
  }
}

// Policies of all resources count together; a name that none has turns that part of the target off.
void Checker::whole_resiliency() {
  std::set<std::string> timeouts, retries, breakers;
  for (std::size_t i = 0; i < 5; ++i) retries.emplace(resilience::built_in_policy(static_cast<resilience::BuiltIn>(i)));
  for (const auto& [spec, root] : resiliencies_) {
    const auto* policies = below(root, {"spec", "policies"});
    for (const auto& [kind, names] : {std::pair("timeouts", &timeouts), std::pair("retries", &retries), std::pair("circuitBreakers", &breakers)}) {
      const auto* map = policies == nullptr ? nullptr : policies->find(kind);
      if (map == nullptr) continue;
      for (const auto& [name, node] : map->members) names->insert(name);  // those with faults are told of there
    }
  }
  for (const auto& [spec, root] : resiliencies_) {
    const auto* targets = below(root, {"spec", "targets"});
    if (targets == nullptr) continue;
    const auto look = [&, file = spec.location.file](const yaml::Node& node, const std::string& target) {
      for (const auto& [key, known] : {std::pair("timeout", &timeouts), std::pair("retry", &retries), std::pair("circuitBreaker", &breakers)}) {
        const auto* named = node.find(key);
        if (named == nullptr || !named->is_scalar() || named->value.empty() || known->contains(named->value)) continue;
        error({file, named->line}, "target " + target + " names the " + std::string(key) + " " + text::quote(named->value) + ", which no Resiliency here defines, so it has none", did_you_mean(named->value, {known->begin(), known->end()}));
      }
    };
    for (const auto& [kind, list] : targets->members) {
      for (const auto& [name, node] : list.members) {
        look(node, name);
        for (const auto* direction : {"outbound", "inbound"}) {
          if (const auto* part = node.find(direction); part != nullptr) look(*part, name);
        }
        if (kind == "components") refer({spec.location.file, node.line}, name, "", "target");
      }
    }
  }
}

void Checker::whole_pipelines() {
  for (const auto& [read, place] : configurations_) {
    for (const auto* pipeline : {"httpPipeline", "appHttpPipeline"}) {
      const auto* handlers = below(read.root, {"spec", pipeline, "handlers"});
      const auto& specs = pipeline == std::string_view("httpPipeline") ? read.spec.http_pipeline : read.spec.app_http_pipeline;
      for (std::size_t i = 0; i < specs.size(); ++i) {
        Location where = place;
        if (handlers != nullptr && i < handlers->items.size()) where.line = handlers->items[i].line;
        handler(where, specs[i]);
      }
    }
  }
}

// As the pipeline is made: a handler means the component of its name, type and version.
void Checker::handler(const Location& where, const HandlerSpec& spec) {
  const auto what = "handler " + text::quote(spec.name);
  ComponentSpec asked;
  asked.name = spec.name;
  asked.type = spec.type;
  asked.version = spec.version.empty() ? "v1" : spec.version;
  if (const auto entry = catalog_.find(asked); !entry) return error(where, what + " is passed over: " + entry.error().message, "`mecha components middleware` lists the types");
  const Read<ComponentSpec>* same = nullptr;
  for (const auto& component : components_) {
    if (component.spec.name != spec.name) continue;
    same = &component;
    if (middleware::means(spec, component.spec)) return;
  }
  if (same != nullptr) return error(where, what + " is passed over: the component of that name is " + same->spec.title(), "type and version must be the same");
  std::vector<std::string> others;
  for (const auto& component : components_) {
    if (component.spec.category() == "middleware") others.push_back(component.spec.name);
  }
  warn(where, what + " is passed over unless there is a component of that name, and there is none here", did_you_mean(spec.name, others));
}

}  // namespace mecha::cli
