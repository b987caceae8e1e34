// middleware.http.oauth2clientcredentials: requests go on with a token that the sidecar has fetched (contract 01, 7.7).

#include <re2/re2.h>

#include <mutex>

#include "components/catalog.hpp"
#include "components/middleware/middleware.hpp"
#include "components/middleware/token_endpoint.hpp"
#include "runtime/async/event.hpp"
#include "runtime/async/on_shard.hpp"
#include "runtime/base/text.hpp"

namespace mecha::middleware {
namespace {

using namespace std::chrono_literals;

struct CredentialsSettings {
  std::string client_id, scopes, token_url, header_name, endpoint_query, path_filter;
  Secret client_secret;
  int auth_style = 0;

  static constexpr auto fields() {
    using S = CredentialsSettings;
    return std::tuple{
        field("clientID", &S::client_id, "Who asks for the token; needed."),
        field("clientSecret", &S::client_secret, "Its secret; needed."),
        field("scopes", &S::scopes, "Scopes, separated by commas; needed."),
        field("tokenURL", &S::token_url, "Where tokens are given out; needed."),
        field("headerName", &S::header_name, "Header that carries the token; needed."),
        field("endpointParamsQuery", &S::endpoint_query, "Further fields of the question, as a query."),
        field("authStyle", &S::auth_style, "Where the credentials stand: 0 tries header and form, 1 form, 2 header."),
        field("pathFilter", &S::path_filter, "Regular expression; other paths pass as they are."),
    };
  }
};

class ClientCredentials final : public Middleware {
 public:
  using Settings = CredentialsSettings;
  static constexpr ComponentInfo info{
      "middleware.http.oauth2clientcredentials", "v1", "Adds a token of the client credentials flow to requests."};

  ClientCredentials(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)),
        log_(context.log),
        home_(context.shards.executor(0)),
        turn_(home_, 1),
        filter_(settings_.path_filter, RE2::Quiet),
        endpoint_(
            context.shards,
            {.url = settings_.token_url,
             .client_id = settings_.client_id,
             .client_secret = settings_.client_secret,
             .style = static_cast<AuthStyle>(settings_.auth_style)}
        ) {}

  static Result<void> check(const Settings& settings) {
    std::string wrong;
    for (const auto& [name, absent] :
         {std::pair("headerName", settings.header_name.empty()), std::pair("clientID", settings.client_id.empty()),
          std::pair("clientSecret", settings.client_secret.empty()), std::pair("scopes", settings.scopes.empty()),
          std::pair("tokenURL", settings.token_url.empty())}) {
      if (absent) wrong.append("Parameter '").append(name).append("' needs to be set. ");
    }
    if (settings.auth_style < 0 || settings.auth_style > 2) {
      wrong.append("Parameter 'authStyle' can only have the values 0,1,2. Received: '");
      wrong.append(std::to_string(settings.auth_style)).append("'. ");
    }
    if (!wrong.empty()) return fail(Code::invalid_argument, "metadata errors: " + wrong);
    if (!text::is_token(settings.header_name)) {
      return fail(Code::invalid_argument, "headerName is no name of a header: " + text::quote(settings.header_name));
    }
    const RE2 filter(settings.path_filter, RE2::Quiet);
    if (!filter.ok()) return fail(Code::invalid_argument, "pathFilter is no regular expression: " + filter.error());
    return {};
  }

  Async<void> start() override {
    MECHA_CO_TRY_VOID(check(settings_));
    co_return endpoint_.open();
  }

  asio::awaitable<std::optional<Reply>> enter(net::RequestHead& request, std::string, Step&) override {
    if (!settings_.path_filter.empty()) {
      const auto path = text::unescape_path(request.path()).value_or(std::string(request.path()));
      if (!RE2::PartialMatch(path, filter_)) co_return std::nullopt;
    }
    auto header = known();
    if (header.empty()) header = co_await on_shard(home_, fetch());
    // What the reference does without a token: an empty answer, and the request goes nowhere.
    if (header.empty()) co_return Reply{};
    request.headers.set(settings_.header_name, header);
    co_return std::nullopt;
  }

 private:
  struct Turn {
    Semaphore& semaphore;
    ~Turn() { semaphore.release(); }
  };

  std::string known() const {
    const std::lock_guard lock(mutex_);
    return std::chrono::steady_clock::now() < valid_until_ ? header_ : std::string();
  }

  // One question at a time, on shard 0; who waited takes what the one before got. Empty: there is no token.
  asio::awaitable<std::string> fetch() {
    if (!co_await turn_.acquire()) co_return std::string();
    const Turn turn{turn_};
    if (auto header = known(); !header.empty()) co_return header;
    std::multimap<std::string, std::string> form{{"grant_type", "client_credentials"}, {"scope", scope_text(settings_.scopes)}};
    for (auto& pair : text::parse_query(settings_.endpoint_query)) {
      if (pair.first == "grant_type") form.erase(pair.first);
      form.insert(std::move(pair));
    }
    const auto token = co_await endpoint_.ask(std::move(form));
    if (!token) {
      log_.error("no token for a request", {{"error", token.error().message}});
      co_return std::string();
    }
    const std::lock_guard lock(mutex_);
    header_ = token->header;
    valid_until_ = std::chrono::steady_clock::now() + token->lifetime.value_or(1h);
    co_return header_;
  }

  Settings settings_;
  Log log_;
  Executor home_;
  Semaphore turn_;
  RE2 filter_;
  TokenEndpoint endpoint_;
  mutable std::mutex mutex_;
  std::string header_;
  std::chrono::steady_clock::time_point valid_until_{};
};

}  // namespace

void register_oauth2clientcredentials(Catalog& catalog) { catalog.add<ClientCredentials>(); }

}  // namespace mecha::middleware
