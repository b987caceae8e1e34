// middleware.http.oauth2: browsers are sent to a login page; requests go on with the token that it led to (contract 01, 7.6).

#include <re2/re2.h>

#include <array>
#include <ctime>

#include <boost/asio/ip/address.hpp>

#include "components/catalog.hpp"
#include "components/middleware/login_sessions.hpp"
#include "components/middleware/middleware.hpp"
#include "components/middleware/token_endpoint.hpp"
#include "runtime/base/text.hpp"

namespace mecha::middleware {
namespace {

constexpr std::string_view kCookie = "gosessionsid";

struct LoginSettings {
  std::string client_id, scopes, auth_url, token_url, header_name, redirect_url, path_filter;
  Secret client_secret;
  bool force_https = false;

  static constexpr auto fields() {
    using S = LoginSettings;
    return std::tuple{
        field("clientID", &S::client_id, "Who asks for the token."),
        field("clientSecret", &S::client_secret, "Its secret."),
        field("scopes", &S::scopes, "Scopes, separated by commas."),
        field("authURL", &S::auth_url, "The login page."),
        field("tokenURL", &S::token_url, "Where a code is changed for a token."),
        field("authHeaderName", &S::header_name, "Header that carries the token.").required(),
        field("redirectURL", &S::redirect_url, "Where the login page sends the browser back to."),
        field("forceHTTPS", &S::force_https, "Whether the browser is sent back to where it wanted to go by https."),
        field("pathFilter", &S::path_filter, "Regular expression; other paths pass without a login."),
    };
  }
};

std::string cookie_value(const net::Headers& headers) {
  for (const auto line : headers.all("cookie")) {
    for (const auto part : text::split(line, ';')) {
      const auto pair = text::trim(part);
      const auto equals = pair.find('=');
      if (equals != std::string_view::npos && pair.substr(0, equals) == kCookie) return std::string(pair.substr(equals + 1));
    }
  }
  return {};
}

// The name of a real host; empty for addresses and for this machine.
std::string domain_of(const std::string& authority) {
  if (authority.starts_with('[')) return {};
  auto host = authority.substr(0, authority.rfind(':'));
  boost::system::error_code error;
  (void)asio::ip::make_address(host, error);
  const bool name = error && host.find('.') != std::string::npos && text::is_token(host);
  return name ? host : std::string();
}

std::string cookie_text(const std::string& id, const std::string& authority) {
  const auto until = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now() + LoginSessions::kLifetime);
  std::tm parts{};
  gmtime_r(&until, &parts);
  std::array<char, 64> date{};
  std::strftime(date.data(), date.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  auto cookie = std::string(kCookie) + "=" + id + "; Path=/";
  if (const auto domain = domain_of(authority); !domain.empty()) cookie += "; Domain=" + domain;
  return cookie + "; Expires=" + date.data() + "; HttpOnly";
}

std::string query_value(std::string_view query, std::string_view name) {
  for (const auto& [key, value] : text::parse_query(query)) {
    if (key == name) return value;
  }
  return {};
}

Reply redirect(std::string location) { return {.status = 302, .headers = {{"Location", location}}}; }

class Login final : public Middleware {
 public:
  using Settings = LoginSettings;
  static constexpr ComponentInfo info{
      "middleware.http.oauth2", "v1", "Lets requests pass of browsers that have logged in by the authorization code flow."};

  Login(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)),
        log_(context.log),
        filter_(settings_.path_filter, RE2::Quiet),
        endpoint_(
            context.shards,
            {.url = settings_.token_url, .client_id = settings_.client_id, .client_secret = settings_.client_secret}
        ) {}

  static Result<void> check(const Settings& settings) {
    const RE2 filter(settings.path_filter, RE2::Quiet);
    if (!filter.ok()) return fail(Code::invalid_argument, "pathFilter is no regular expression: " + filter.error());
    if (text::is_token(settings.header_name)) return {};
    return fail(Code::invalid_argument, "authHeaderName is no name of a header: " + text::quote(settings.header_name));
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
    const auto id = cookie_value(request.headers);
    const auto session = id.empty() ? std::nullopt : sessions_.find(id);
    if (session && !session->token.empty()) {
      request.headers.set(settings_.header_name, session->token);
      co_return std::nullopt;
    }
    const auto state = query_value(request.query(), "state");
    if (state.empty()) co_return begin(request);
    if (!session) co_return plain_reply(500);
    co_return co_await finish(id, *session, state, query_value(request.query(), "code"));
  }

 private:
  // Under a new name each time: what a stranger planted in the browser must not become a login.
  Reply begin(const net::RequestHead& request) {
    const auto id = text::uuid();
    const auto state = text::uuid();
    auto target = request.target;
    if (settings_.force_https) target = "https://" + request.authority + target;
    sessions_.put(id, {.state = state, .target = std::move(target)});
    std::multimap<std::string, std::string> query{
        {"access_type", "offline"}, {"client_id", settings_.client_id}, {"response_type", "code"}, {"state", state}};
    if (!settings_.redirect_url.empty()) query.emplace("redirect_uri", settings_.redirect_url);
    if (!settings_.scopes.empty()) query.emplace("scope", scope_text(settings_.scopes));
    const auto mark = settings_.auth_url.find('?') == std::string::npos ? "?" : "&";
    auto reply = redirect(settings_.auth_url + mark + form_text(query));
    reply.headers.add("Set-Cookie", cookie_text(id, request.authority));
    return reply;
  }

  asio::awaitable<std::optional<Reply>> finish(std::string id, LoginSession session, std::string state, std::string code) {
    if (state != session.state) co_return plain_reply(400, "invalid state");
    if (code.empty()) co_return plain_reply(400, "code not found");
    std::multimap<std::string, std::string> form{{"grant_type", "authorization_code"}, {"code", std::move(code)}};
    if (!settings_.redirect_url.empty()) form.emplace("redirect_uri", settings_.redirect_url);
    auto token = co_await endpoint_.ask(std::move(form));
    if (!token) {
      log_.error("a login failed", {{"error", token.error().message}});
      co_return plain_reply(500);
    }
    auto target = session.target;
    session.token = std::move(token->header);
    sessions_.put(id, std::move(session));
    co_return redirect(std::move(target));
  }

  Settings settings_;
  Log log_;
  RE2 filter_;
  TokenEndpoint endpoint_;
  LoginSessions sessions_;
};

}  // namespace

void register_oauth2(Catalog& catalog) { catalog.add<Login>(); }

}  // namespace mecha::middleware
