// The handlers of a service by their names. Filled before the start, read only afterwards.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mecha/service.h"
#include "src/limiter.h"

namespace mecha::wire {

/// A handler with its own limit.
template <class In, class Out>
struct Entry {
  Entry(detail::Handler<In, Out> its_handler, Limit limit)
      : handler(std::move(its_handler)), limiter(std::make_shared<Limiter>(limit)) {}

  detail::Handler<In, Out> handler;
  std::shared_ptr<Limiter> limiter;
};
template <class In, class Out>
using EntryPtr = std::shared_ptr<const Entry<In, Out>>;

using MethodEntry = EntryPtr<MethodCall, MethodReply>;
using TopicEntry = EntryPtr<TopicEvent, Verdict>;
using BulkEntryPoint = EntryPtr<BulkTopicEvent, std::vector<Verdict>>;
using BindingEntry = EntryPtr<BindingEvent, BindingReply>;
using JobEntry = EntryPtr<JobEvent, void>;
using HealthEntry = EntryPtr<detail::HealthCheck, void>;

/// One path of a topic: exactly one of the two handlers is there.
struct Route {
  TopicOptions options;
  TopicEntry single;
  BulkEntryPoint bulk;
};

struct StreamEntry {
  SubscribeRequest request;
  TopicEntry handler;
};

class Registry {
 public:
  void add(std::string method, detail::Handler<MethodCall, MethodReply>, MethodOptions);
  void add(const std::string& pubsub, const std::string& topic, Route route);
  void add(std::string binding, BindingEntry entry);
  void add(std::string job, JobEntry entry);
  void add(HealthEntry entry);
  void add(StreamEntry entry) { streams_.push_back(std::move(entry)); }

  /// Every contradiction in one error.
  Result<void> check() const;

  /// Null when there is none.
  MethodEntry method(const std::string& name, const std::string& verb) const;
  const Route* route(const TopicEvent& event) const;
  const Route* route(const BulkTopicEvent& batch) const;
  BindingEntry binding(const std::string& name) const;
  JobEntry job(const std::string& name) const;
  const HealthEntry& health() const noexcept { return health_; }
  const std::vector<StreamEntry>& streams() const noexcept { return streams_; }

  std::vector<TopicSubscription> topics() const;
  std::vector<std::string> bindings() const;
  /// Something is registered that comes in through a port.
  bool needs_port() const noexcept;

  /// Nobody gets a turn any more.
  void close() const noexcept;

 private:
  using TopicKey = std::pair<std::string, std::string>;  // pubsub, topic

  const Route* find(const TopicKey& key, const std::string& path) const;

  std::map<std::string, std::map<std::string, MethodEntry>> methods_;  // name, verb
  std::vector<TopicKey> order_;
  std::map<TopicKey, std::vector<Route>> topics_;
  std::map<std::string, BindingEntry> bindings_;
  std::map<std::string, JobEntry> jobs_;
  HealthEntry health_;
  std::vector<StreamEntry> streams_;
  std::vector<std::string> problems_;
};

}  // namespace mecha::wire
