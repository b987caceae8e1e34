#include "runtime/security/access_control.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::security {

namespace {

bool allows(std::string_view action) { return text::equals_nocase(action, "allow"); }

std::string list(const std::vector<std::string>& names) {
  return "[" + text::join(names, " ") + "]";
}

std::string key_of(std::string_view app_id, std::string_view name_space) {
  return std::string(app_id) + "||" + std::string(name_space);
}

Result<void> check_complete(const std::vector<AccessPolicy>& policies) {
  std::vector<std::string> no_domain, no_namespace;
  bool no_name = false;
  for (const AccessPolicy& policy : policies) {
    if (policy.app_id.empty()) no_name = true;
    if (policy.trust_domain.empty()) no_domain.push_back(policy.app_id);
    if (policy.name_space.empty()) no_namespace.push_back(policy.app_id);
  }
  if (no_domain.empty() && no_namespace.empty() && !no_name) return {};
  return fail(
      Code::invalid_argument,
      "invalid access control spec. missing trustdomain for apps: " + list(no_domain) +
          ", missing namespace for apps: " + list(no_namespace) +
          ", missing app name on at least one of the app policies: " + (no_name ? "true" : "false")
  );
}

}  // namespace

Result<SpiffeId> parse_spiffe_id(std::string_view id) {
  const auto malformed = [id] {
    return fail(Code::permission_denied, "malformed SPIFFE ID: " + std::string(id));
  };
  constexpr std::string_view kScheme = "spiffe://";
  if (!id.starts_with(kScheme)) return malformed();
  const auto parts = text::split(id.substr(kScheme.size()), '/');
  if (parts.size() != 4 || parts[1] != "ns") return malformed();
  if (parts[0].empty() || parts[2].empty() || parts[3].empty()) return malformed();
  return SpiffeId{std::string(parts[0]), std::string(parts[2]), std::string(parts[3])};
}

Result<std::shared_ptr<const AccessControl>> AccessControl::make(
    const Spec& spec, Metrics* metrics
) {
  MECHA_TRY_VOID(check_complete(spec.policies));
  auto made = std::make_shared<AccessControl>();
  made->metrics_ = metrics;
  made->default_action_ = spec.default_action;
  // Emptied on purpose: deny as soon as there are policies.
  if (made->default_action_.empty())
    made->default_action_ = spec.policies.empty() ? "allow" : "deny";
  for (const AccessPolicy& policy : spec.policies) {
    Policy& into = made->policies_[key_of(policy.app_id, policy.name_space)];
    into = {};
    into.default_action = policy.default_action;
    into.trust_domain = policy.trust_domain;
    for (const AccessOperation& operation : policy.operations) {
      into.operations.insert(operation.name, {operation.action, operation.verbs});
      into.folded.insert(text::lower(operation.name), {operation.action, operation.verbs});
    }
  }
  return made;
}

Result<void> AccessControl::check(
    std::string_view identity, std::string_view operation, std::string_view verb, bool http
) const {
  SpiffeId caller;
  if (!identity.empty()) {
    MECHA_TRY(caller, parse_spiffe_id(identity));
  }
  const Verdict verdict = judge(identity.empty() ? nullptr : &caller, operation, verb, http);
  if (metrics_ != nullptr) record(caller, verdict);
  if (verdict.allowed) return {};
  std::string message = "access control policy has denied access to id: ";
  message.append(identity).append(" operation: ").append(operation).append(" verb: ").append(verb);
  return fail(Code::permission_denied, std::move(message));
}

AccessControl::Verdict AccessControl::judge(
    const SpiffeId* caller, std::string_view operation, std::string_view verb, bool http
) const {
  const Verdict global{.allowed = allows(default_action_)};
  if (caller == nullptr) return global;
  const auto it = policies_.find(key_of(caller->app_id, caller->name_space));
  if (it == policies_.end() || it->second.trust_domain != caller->trust_domain) return global;
  const Policy& policy = it->second;
  std::string_view action = policy.default_action.empty() ? default_action_ : policy.default_action;
  const OperationAction* found =
      http ? policy.folded.find(text::lower(operation)) : policy.operations.find(operation);
  if (found != nullptr) {
    const auto& verbs = found->verbs;
    if (!http) {
      action = found->action;
    } else if (verb == "NONE") {
      action = policy.default_action;  // empty denies
    } else if (std::ranges::find(verbs, verb) != verbs.end() ||
               std::ranges::find(verbs, "*") != verbs.end()) {
      action = found->action;
    }
  }
  return {.allowed = allows(action), .by_policy = true};
}

void AccessControl::record(const SpiffeId& caller, const Verdict& verdict) const {
  Metric metric = Metric::runtime_acl_global_policy_action_blocked_total;
  if (verdict.by_policy) {
    metric = verdict.allowed ? Metric::runtime_acl_app_policy_action_allowed_total
                             : Metric::runtime_acl_app_policy_action_blocked_total;
  } else if (verdict.allowed) {
    metric = Metric::runtime_acl_global_policy_action_allowed_total;
  }
  metrics_->count(metric, {caller.app_id, caller.trust_domain, caller.name_space});
}

}  // namespace mecha::security
