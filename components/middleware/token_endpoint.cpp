#include "components/middleware/token_endpoint.hpp"

#include "components/http/client.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::middleware {
namespace {

using namespace std::chrono_literals;

constexpr auto kLimit = 30s;
constexpr std::uint64_t kAnswerMax = 1 << 20;

std::string escaped(std::string_view text) { return text::replace_all(text::escape(text), "%20", "+"); }

// The spelling of the type that servers expect in a header.
std::string type_text(std::string_view type) {
  if (type.empty() || text::equals_nocase(type, "bearer")) return "Bearer";
  if (text::equals_nocase(type, "mac")) return "MAC";
  if (text::equals_nocase(type, "basic")) return "Basic";
  return std::string(type);
}

std::string media(const Metadata& metadata) {
  const auto it = metadata.find("Content-Type");
  return it == metadata.end() ? std::string() : text::media_type(it->second);
}

Result<OauthToken> read_token(const http::HttpAnswer& answer) {
  if (answer.status / 100 != 2) {
    return fail(
        Code::unauthenticated,
        "oauth2: cannot fetch token: " + std::to_string(answer.status) + "\nResponse: " + answer.body
    );
  }
  std::string value, type, lifetime;
  if (const auto form = media(answer.metadata); form == "application/x-www-form-urlencoded" || form == "text/plain") {
    for (auto& [name, text] : text::parse_query(answer.body)) {
      if (name == "access_token") value = text;
      if (name == "token_type") type = text;
      if (name == "expires_in") lifetime = text;
    }
  } else {
    MECHA_TRY(const auto document, json::parse(answer.body));
    value = std::string(document.text("access_token"));
    type = std::string(document.text("token_type"));
    const auto* seconds = document.find("expires_in");
    if (seconds != nullptr && seconds->is_number()) lifetime = seconds->number_text();
    if (seconds != nullptr && seconds->is_string()) lifetime = seconds->as_string();
  }
  if (value.empty()) return fail(Code::unauthenticated, "oauth2: server response missing access_token");
  OauthToken token{.header = type_text(type) + " " + value};
  if (const auto seconds = text::to_int(lifetime); seconds && *seconds > 0) {
    token.lifetime = std::chrono::seconds(std::min<std::int64_t>(*seconds, 1 << 30));
  }
  return token;
}

}  // namespace

std::string form_text(const std::multimap<std::string, std::string>& form) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : form) parts.push_back(escaped(name) + "=" + escaped(value));
  return text::join(parts, "&");
}

std::string scope_text(const std::string& scopes) { return text::replace_all(scopes, ",", " "); }

TokenEndpoint::TokenEndpoint(Shards& shards, Options options) : shards_(shards), options_(std::move(options)) {}
TokenEndpoint::~TokenEndpoint() = default;

Result<void> TokenEndpoint::open() {
  MECHA_TRY(auto tls, net::make_tls(net::TlsClientOptions{}));
  client_ = std::make_unique<http::HttpClient>(shards_, std::move(tls));
  return {};
}

Async<OauthToken> TokenEndpoint::ask(std::multimap<std::string, std::string> form) {
  if (options_.style != AuthStyle::guess) co_return co_await ask_once(std::move(form), options_.style == AuthStyle::header);
  if (!form_works_) {
    auto token = co_await ask_once(form, true);
    if (token) co_return std::move(token);
  }
  auto token = co_await ask_once(std::move(form), false);
  if (token) form_works_ = true;
  co_return std::move(token);
}

Async<OauthToken> TokenEndpoint::ask_once(std::multimap<std::string, std::string> form, bool in_header) {
  http::HttpCall call;
  call.method = "POST";
  call.url = options_.url;
  call.headers.add("Content-Type", "application/x-www-form-urlencoded");
  const auto& secret = options_.client_secret.reveal();
  if (in_header) {
    call.headers.add("Authorization", "Basic " + text::base64(escaped(options_.client_id) + ":" + escaped(secret)));
  } else {
    form.emplace("client_id", options_.client_id);
    if (!secret.empty()) form.emplace("client_secret", secret);
  }
  call.body = form_text(form);
  call.has_body = true;
  MECHA_CO_TRY(const auto answer, co_await client_->send(std::move(call), kAnswerMax, kLimit));
  co_return read_token(answer);
}

}  // namespace mecha::middleware
