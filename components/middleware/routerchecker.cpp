// middleware.http.routerchecker: paths that do not match a rule are refused (contract 01, 7.2).

#include <re2/re2.h>

#include "components/catalog.hpp"
#include "components/middleware/middleware.hpp"
#include "runtime/base/text.hpp"

namespace mecha::middleware {
namespace {

struct CheckerSettings {
  std::string rule;

  static constexpr auto fields() {
    using S = CheckerSettings;
    return std::tuple{field(
        "rule", &S::rule, "Regular expression; it must match somewhere in the escaped path and query of a request."
    )};
  }
};

class RouterChecker final : public Middleware {
 public:
  using Settings = CheckerSettings;
  static constexpr ComponentInfo info{
      "middleware.http.routerchecker", "v1", "Refuses requests whose path and query do not match a rule."};

  RouterChecker(Settings settings, const ComponentContext&) : rule_(settings.rule, RE2::Quiet) {}

  static Result<void> check(const Settings& settings) {
    const RE2 rule(settings.rule, RE2::Quiet);
    if (rule.ok()) return {};
    return fail(Code::invalid_argument, "rule is no regular expression: " + text::quote(rule.pattern()) + ": " + rule.error());
  }

  Async<void> start() override { co_return check({.rule = rule_.pattern()}); }

  asio::awaitable<std::optional<Reply>> enter(net::RequestHead& request, std::string, Step&) override {
    if (RE2::PartialMatch(request.target, rule_)) co_return std::nullopt;
    co_return plain_reply(400, "invalid router");
  }

 private:
  RE2 rule_;
};

}  // namespace

void register_routerchecker(Catalog& catalog) { catalog.add<RouterChecker>(); }

}  // namespace mecha::middleware
