// kubernetes: the address is the DNS name of the sidecar's service (contract 06, 6.5). The name is looked up when it is
// dialled, within the limit of dialling.

#include <array>
#include <cctype>

#include "components/nameresolution/resolver.hpp"

namespace mecha::nameresolution {
namespace {

constexpr std::string_view kTemplate = "{{.ID}}-dapr.{{.Namespace}}.svc.";

struct Value {
  std::string_view name;
  std::string text;
};

// The one form of Go templates that addresses need: {{.ID}}, {{.Namespace}} and {{.Port}}.
Result<std::string> fill(std::string_view form, const std::array<Value, 3>& values) {
  std::string out;
  for (;;) {
    const auto open = form.find("{{");
    out.append(form.substr(0, open));
    if (open == std::string_view::npos) return out;
    form.remove_prefix(open + 2);
    const auto close = form.find("}}");
    const auto action = text::trim(form.substr(0, close));
    const Value* known = nullptr;
    for (const auto& value : values) {
      if (action == value.name) known = &value;
    }
    if (close == std::string_view::npos || known == nullptr) {
      return fail(
          Code::invalid_argument,
          "template may hold {{.ID}}, {{.Namespace}} and {{.Port}} only, got {{" + std::string(action) + "}}"
      );
    }
    out += known->text;
    form.remove_prefix(close + 2);
  }
}

class Kubernetes final : public Resolver {
 public:
  Kubernetes(std::string form, std::string port) : form_(std::move(form)), port_(std::move(port)) {}

  Async<std::string> resolve(ResolveRequest request) override {
    co_return fill(form_, {{{".ID", request.id}, {".Namespace", request.name_space}, {".Port", port_}}});
  }

 private:
  std::string form_, port_;
};

Result<std::string> text_of(const json::Value& configuration, std::string_view name) {
  const auto* value = configuration.find_nocase(name);
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return fail(Code::invalid_argument, std::string(name) + " must be a text");
  return value->as_string();
}

}  // namespace

Result<std::unique_ptr<Resolver>> make_kubernetes(
    const json::Value& configuration, const Self& self, const ComponentContext&
) {
  MECHA_TRY(auto form, text_of(configuration, "template"));
  MECHA_TRY(auto domain, text_of(configuration, "clusterDomain"));
  if (domain.empty()) domain = "cluster.local";
  if (form.empty()) form = std::string(kTemplate) + domain + ":{{.Port}}";
  const auto port = std::to_string(self.internal_port);
  MECHA_TRY([[maybe_unused]] const auto tried, fill(form, {{{".ID", "a"}, {".Namespace", "b"}, {".Port", port}}}));
  return std::make_unique<Kubernetes>(std::move(form), port);
}

}  // namespace mecha::nameresolution
