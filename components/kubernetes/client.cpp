#include "components/kubernetes/client.hpp"

#include <optional>
#include <utility>

#include "components/files/files.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/base/http_status.hpp"
#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"

namespace mecha::kubernetes {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kLimit = std::chrono::seconds(30);     // of one request
constexpr auto kTokenAge = std::chrono::seconds(60);  // then its file is read again
constexpr std::uint64_t kAnswerMax = 64 << 20;

// What cannot be a part of a path is refused before anything is sent.
Result<void> check_segment(std::string_view what, const std::string& name) {
  std::string why;
  if (name.empty()) return fail(Code::invalid_argument, "resource name may not be empty");
  if (name == "." || name == "..") why = "may not be '" + name + "'";
  if (name.find('/') != std::string::npos) why = "may not contain '/'";
  if (name.find('%') != std::string::npos) why = "may not contain '%'";
  if (why.empty()) return {};
  return fail(Code::invalid_argument, "invalid " + std::string(what) + " " + text::quote(name) + ": [" + why + "]");
}

}  // namespace

Result<Items> secret_items(const json::Value& secret) {
  Items items;
  MECHA_TRY(const auto* data, json::read_object(secret, "data"));
  if (data == nullptr) return items;
  for (const auto& [name, value] : data->as_object()) {
    if (value.is_null()) {
      items[name];
      continue;
    }
    auto bytes = value.is_string() ? text::from_base64(value.as_string()) : std::nullopt;
    if (!bytes) return fail(Code::internal, "the item " + name + " of the secret is no base64 text");
    items[name] = *std::move(bytes);
  }
  return items;
}

Async<void> Client::start(std::string kubeconfig) {
  Bridge bridge("kubeconfig");
  std::function<Result<KubeConfig>()> read = [&kubeconfig] { return find_kube_config(kubeconfig); };
  MECHA_CO_TRY(config_, co_await bridge.call<KubeConfig>(std::move(read)));
  co_return connect(config_.tls.ca_pem);
}

Result<void> Client::connect(std::string authority) {
  auto options = config_.tls;
  options.ca_pem = authority;
  MECHA_TRY(auto tls, net::make_tls(options));
  const std::lock_guard lock(mutex_);
  client_ = std::make_shared<http::HttpClient>(shards_, std::move(tls));
  authority_ = std::move(authority);
  return {};
}

Async<json::Value> Client::secret(std::string name_space, std::string name) {
  MECHA_CO_TRY_VOID(check_segment("namespace", name_space));
  MECHA_CO_TRY_VOID(check_segment("resource name", name));
  co_return co_await ask("/api/v1/namespaces/" + text::escape(name_space) + "/secrets/" + text::escape(name));
}

Async<json::Value> Client::secrets(std::string name_space) {
  MECHA_CO_TRY_VOID(check_segment("namespace", name_space));
  co_return co_await ask("/api/v1/namespaces/" + text::escape(name_space) + "/secrets");
}

Async<json::Value> Client::ask(std::string path) {
  auto answered = co_await ask_once(path);
  const bool refused = answered && answered->status == 401;
  const auto changed = refused ? co_await read_token() : answered ? Result<bool>(false) : co_await read_authority();
  if (changed && *changed) answered = co_await ask_once(path);
  MECHA_CO_TRY(const auto answer, std::move(answered));
  auto value = json::parse(answer.body, true);
  if (answer.status >= 200 && answer.status < 300) {
    if (!value) co_return fail(std::move(value).error());
    co_return *std::move(value);
  }
  const auto code = code_of_http_status(answer.status);
  const std::string_view told = value && value->text("kind") == "Status" ? value->text("message") : "";
  if (!told.empty()) co_return fail(code, std::string(told));
  co_return fail(code, "the server responded with the status code " + std::to_string(answer.status) + ": " + answer.body);
}

Async<http::HttpAnswer> Client::ask_once(std::string path) {
  http::HttpCall call{.method = "GET", .url = config_.server + path};
  call.headers.add("Accept", "application/json");
  // Over plain HTTP anyone could read it.
  if (config_.secure()) {
    MECHA_CO_TRY(const auto login, co_await authorization());
    if (!login.empty()) call.headers.add("Authorization", login);
  }
  std::shared_ptr<http::HttpClient> client;
  {
    const std::lock_guard lock(mutex_);
    client = client_;
  }
  co_return co_await client->send(std::move(call), kAnswerMax, kLimit);
}

Async<std::string> Client::authorization() {
  if (!config_.token_file.empty()) {
    MECHA_CO_TRY(const auto token, co_await token_of_file());
    co_return "Bearer " + token;
  }
  if (!config_.token.empty()) co_return "Bearer " + config_.token.reveal();
  if (config_.username.empty()) co_return std::string();
  co_return "Basic " + text::base64(config_.username + ":" + config_.password.reveal());
}

Async<std::string> Client::token_of_file() {
  {
    const std::lock_guard lock(mutex_);
    if (!file_token_.empty() && SteadyClock::now() - read_at_ < kTokenAge) co_return file_token_.reveal();
  }
  const auto read = co_await read_token();
  const std::lock_guard lock(mutex_);
  // The file may be exchanged at this moment; the old token is good for a while.
  if (file_token_.empty()) co_return fail(read ? Error{.code = Code::unauthenticated, .message = config_.token_file + " is empty"} : read.error());
  co_return file_token_.reveal();
}

Async<bool> Client::read_token() {
  if (config_.token_file.empty()) co_return false;
  MECHA_CO_TRY(const auto text, co_await files::read_file_aside(config_.token_file));
  std::string token(text::trim(text));
  const std::lock_guard lock(mutex_);
  read_at_ = SteadyClock::now();
  const bool changed = token != file_token_.reveal();
  if (!token.empty()) file_token_ = Secret(std::move(token));
  co_return changed;
}

Async<bool> Client::read_authority() {
  if (config_.ca_file.empty()) co_return false;
  MECHA_CO_TRY(auto text, co_await files::read_file_aside(config_.ca_file));
  {
    const std::lock_guard lock(mutex_);
    if (text == authority_) co_return false;
  }
  MECHA_CO_TRY_VOID(connect(std::move(text)));
  co_return true;
}

}  // namespace mecha::kubernetes
