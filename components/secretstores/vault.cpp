// Secrets of HashiCorp Vault, engine KV version 2, over its HTTP API (contract 02, section 3.3).

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "components/catalog.hpp"
#include "components/http/client.hpp"
#include "components/files/files.hpp"
#include "components/secretstores/raw_member.hpp"
#include "components/secretstores/secret_store.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/async/parallel.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/http_status.hpp"
#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"

namespace mecha::secrets {
namespace {

constexpr auto kLimit = std::chrono::seconds(30);  // of one request
constexpr std::uint64_t kAnswerMax = 16 << 20;
constexpr std::size_t kAtOnce = 8;                 // requests of one bulk call
constexpr std::size_t kNamesMax = 100000;          // names and folders of one bulk call
constexpr std::string_view kVersion = "version_id";

struct VaultSettings {
  std::string address = "https://127.0.0.1:8200";
  Secret token;
  std::string token_path;
  std::string engine = "secret";
  std::string prefix = "dapr";
  bool use_prefix = true;
  std::string value_type = "map";
  std::string skip_verify, server_name, ca_pem, ca_path, ca_file;

  static constexpr auto fields() {
    using S = VaultSettings;
    return std::tuple{
        field("vaultAddr", &S::address, "Address of the server."),
        field("vaultToken", &S::token, "Token; this or vaultTokenMountPath."),
        field("vaultTokenMountPath", &S::token_path, "File of the token, read at start."),
        field("enginePath", &S::engine, "Where the KV engine (version 2) is mounted."),
        field("vaultKVPrefix", &S::prefix, "Put before each name; empty is dapr."),
        field("vaultKVUsePrefix", &S::use_prefix, "Whether the prefix is used."),
        field("vaultValueType", &S::value_type, "map: one entry per pair; text: all pairs as one JSON text."),
        field("skipVerify", &S::skip_verify, "The text true: the server's certificate is not checked."),
        field("tlsServerName", &S::server_name, "Name that the certificate must have."),
        field("caPem", &S::ca_pem, "Authorities, PEM text; goes before caPath and caCert."),
        field("caPath", &S::ca_path, "Folder of PEM files of authorities; goes before caCert."),
        field("caCert", &S::ca_file, "PEM file of authorities."),
    };
  }
};

// Whether a part of the path would lead out of the engine or the prefix: no secret has such a name.
bool leads_away(const std::string& name) {
  return std::ranges::any_of(text::split(name, '/'), [](auto part) { return part == "." || part == ".."; });
}

std::unexpected<Error> not_there(const std::string& name) {
  return fail(Code::not_found, "getSecret " + name + " failed secret key or version not exist");
}

std::unexpected<Error> undecodable(const Error& why) {
  return fail(Code::internal, "couldn't decode response body: " + why.message);
}

// data.data of an answer. Null and absent give an empty optional, as the contract has it.
Result<std::optional<SecretMap>> pairs_of(const std::string& body) {
  const auto root = json::parse(body);
  if (!root) return undecodable(root.error());
  if (!root->is_object()) return undecodable(json::mismatch(*root, {}, "secretstores.vaultKVResponse").error());
  const auto outer = json::read_object(*root, "data");
  if (!outer) return undecodable(outer.error());
  if (*outer == nullptr) return std::nullopt;
  const auto inner = json::read_object(**outer, "data");
  if (!inner) return undecodable(inner.error());
  if (*inner == nullptr) return std::nullopt;
  SecretMap pairs;
  for (const auto& [name, value] : (*inner)->as_object()) {
    if (!value.is_string() && !value.is_null()) return undecodable(json::mismatch(value, "data." + name, "string").error());
    pairs[name] = value.is_string() ? value.as_string() : std::string();
  }
  return pairs;
}

Result<std::optional<SecretMap>> text_of(const std::string& name, const std::string& body) {
  const auto root = json::parse(body);
  if (!root) return undecodable(root.error());
  return SecretMap{{name, std::string(raw_member(raw_member(body, "data"), "data"))}};
}

class VaultStore final : public SecretStore {
 public:
  using Settings = VaultSettings;
  static constexpr ComponentInfo info{"secretstores.hashicorp.vault", "v1", "HashiCorp Vault, KV engine version 2."};

  VaultStore(Settings settings, const ComponentContext& context)
      : settings_(with_defaults(std::move(settings))), shards_(context.shards) {}

  // Blocks: may read files.
  static Result<void> check(const Settings& given) {
    const auto settings = with_defaults(given);
    MECHA_TRY_VOID(values(settings));
    if (!settings.token_path.empty()) {
      MECHA_TRY([[maybe_unused]] const auto token, token_of(settings.token_path, read_file(settings.token_path)));
    }
    MECHA_TRY([[maybe_unused]] const auto tls, tls_of(tls_options(settings)));
    return {};
  }

  Async<void> start() override {
    MECHA_CO_TRY_VOID(values(settings_));
    MECHA_CO_TRY_VOID(co_await read_token());
    Bridge bridge("vault-tls");
    std::function<Result<net::TlsClientOptions>()> read = [this] { return tls_options(settings_); };
    MECHA_CO_TRY(auto tls, tls_of(co_await bridge.call<net::TlsClientOptions>(std::move(read))));
    client_ = std::make_unique<http::HttpClient>(shards_, std::move(tls));
    co_return Result<void>{};
  }

  Async<std::optional<SecretMap>> get(std::string name, Metadata metadata) override {
    co_return co_await read(std::move(name), version_of(metadata));
  }

  Async<SecretMaps> bulk_get(Metadata metadata) override {
    MECHA_CO_TRY(const auto names, co_await list());
    SecretMaps all;
    std::optional<Error> failure;
    const IndexedWork work = [&](std::size_t index) { return read_into(names[index], version_of(metadata), all, failure); };
    co_await for_each_parallel(names.size(), kAtOnce, work);
    if (failure) co_return fail(*std::move(failure));
    co_return all;
  }

  std::vector<std::string> features() const override {
    if (text_mode()) return {};
    return {std::string(kMultipleKeyValues)};
  }

 private:
  bool text_mode() const { return settings_.value_type == "text"; }

  static std::string version_of(const Metadata& metadata) {
    const auto found = metadata.find(kVersion);
    return found == metadata.end() ? "0" : found->second;
  }

  static Settings with_defaults(Settings s) {
    const Settings defaults;
    if (s.address.empty()) s.address = defaults.address;
    if (s.engine.empty()) s.engine = defaults.engine;
    if (s.value_type.empty()) s.value_type = defaults.value_type;
    if (s.prefix.empty()) s.prefix = defaults.prefix;
    return s;
  }

  static Result<void> values(const Settings& s) {
    if (s.value_type != "map" && s.value_type != "text") {
      return fail(
          Code::invalid_argument,
          "vault init error, invalid value type " + s.value_type + ", accepted values are map or text"
      );
    }
    if (s.token.empty() && s.token_path.empty()) {
      return fail(Code::invalid_argument, "token mount path and token not set");
    }
    if (!s.token.empty() && !s.token_path.empty()) {
      return fail(Code::invalid_argument, "token mount path and token both set");
    }
    return {};
  }

  Async<void> read_token() {
    token_ = settings_.token;
    if (settings_.token_path.empty()) co_return Result<void>{};
    MECHA_CO_TRY(token_, token_of(settings_.token_path, co_await files::read_file_aside(settings_.token_path)));
    co_return Result<void>{};
  }

  static Result<Secret> token_of(const std::string& path, const Result<std::string>& text) {
    if (!text) return fail(text.error().code, "couldn't read vault token from mount path " + path + " err: " + text.error().message);
    Secret token(std::string(text::trim(*text)));
    if (!text::is_field_value(token.reveal())) return fail(Code::invalid_argument, "the vault token of " + path + " has more than one line");
    return token;
  }

  // Blocks: reads files.
  static Result<net::TlsClientOptions> tls_options(const Settings& s) {
    net::TlsClientOptions tls{.verify = s.skip_verify != "true", .server_name = s.server_name};
    if (!tls.verify) return tls;
    Result<std::string> authorities = s.ca_pem;
    if (s.ca_pem.empty() && !s.ca_path.empty()) {
      authorities = files::read_folder(s.ca_path);
      if (!authorities) return fail(std::move(authorities).error().context("couldn't read certificates at " + s.ca_path));
    } else if (s.ca_pem.empty() && !s.ca_file.empty()) {
      authorities = read_file(s.ca_file);
      if (!authorities) return fail(std::move(authorities).error().context("couldn't read CA file from disk"));
    }
    tls.ca_pem = *std::move(authorities);
    return tls;
  }

  static Result<std::shared_ptr<net::TlsContext>> tls_of(const Result<net::TlsClientOptions>& options) {
    constexpr std::string_view kWords = "couldn't create client using config";
    if (!options) return fail(Error(options.error()).context(kWords));
    auto context = net::make_tls(*options);
    if (!context && !options->ca_pem.empty()) context = fail(Code::invalid_argument, "couldn't read PEM");
    if (!context) return fail(std::move(context).error().context(kWords));
    return context;
  }

  // `kind` is "data" or "metadata"; `path` may end with a slash, which lists.
  Async<http::HttpAnswer> ask(std::string method, std::string kind, std::string path, std::string query) {
    std::string place = settings_.use_prefix ? settings_.prefix + "/" + path : path;
    const auto url = settings_.address + "/v1/" + settings_.engine + "/" + kind + "/" +
                     text::escape(place, "/:@!$&'()*+,;=~") + query;
    http::HttpCall call{.method = std::move(method), .url = url};
    call.headers.add("X-Vault-Token", token_.reveal());
    call.headers.add("X-Vault-Request", "true");
    auto answer = co_await client_->send(std::move(call), kAnswerMax, kLimit);
    if (!answer) answer.error().message = "couldn't get secret: " + answer.error().message;
    co_return std::move(answer);
  }

  Async<std::optional<SecretMap>> read(std::string name, std::string version) {
    if (leads_away(name)) co_return not_there(name);
    MECHA_CO_TRY(const auto answer, co_await ask("GET", "data", name, "?version=" + text::escape(version)));
    if (answer.status == 404) co_return not_there(name);
    if (answer.status != 200) {
      co_return fail(
          Code::internal,
          "couldn't get successful response, status code " + std::to_string(answer.status) + ", body " + answer.body
      );
    }
    co_return text_mode() ? text_of(name, answer.body) : pairs_of(answer.body);
  }

  // A version that is missing is no failure of a bulk call.
  asio::awaitable<void> read_into(std::string name, std::string version, SecretMaps& all, std::optional<Error>& failure) {
    if (failure) co_return;
    auto secret = co_await read(name, std::move(version));
    if (secret) {
      all[name] = std::move(*secret).value_or(SecretMap{});
    } else if (secret.error().code != Code::not_found && !failure) {
      failure = std::move(secret).error();
    }
  }

  // Every name below the prefix: a name that ends with a slash is a folder.
  Async<std::vector<std::string>> list() {
    std::vector<std::string> names;
    std::deque<std::string> folders{""};
    for (std::size_t seen = 1; !folders.empty(); folders.pop_front()) {
      MECHA_CO_TRY(const auto keys, co_await list_folder(folders.front()));
      seen += keys.size();
      if (seen > kNamesMax) co_return fail(Code::resource_exhausted, "list keys: more than 100000 names");
      for (const auto& key : keys) {
        auto path = folders.front() + key;
        if (key.ends_with('/')) {
          folders.push_back(std::move(path));
        } else {
          names.push_back(std::move(path));
        }
      }
    }
    co_return names;
  }

  Async<std::vector<std::string>> list_folder(std::string folder) {
    MECHA_CO_TRY(const auto answer, co_await ask("LIST", "metadata", std::move(folder), {}));
    if (answer.status != 200) {
      const auto number = std::to_string(answer.status);
      co_return fail(
          Code::internal,
          "list keys couldn't get successful response, status code: " + number + ", status: " + number + " " +
              std::string(status_text(answer.status)) + ", response " + answer.body
      );
    }
    const auto root = json::parse(answer.body);
    if (!root) co_return undecodable(root.error());
    std::vector<std::string> keys;
    const auto data = json::read_object(*root, "data");
    if (!data) co_return undecodable(data.error());
    if (*data == nullptr) co_return keys;
    const auto list = json::read_array(**data, "keys");
    if (!list) co_return undecodable(list.error());
    if (*list == nullptr) co_return keys;
    for (const auto& key : (*list)->as_array()) {
      if (!key.is_string()) co_return undecodable(json::mismatch(key, "data.keys", "string").error());
      if (!key.as_string().empty()) keys.push_back(key.as_string());
    }
    co_return keys;
  }

  Settings settings_;
  Shards& shards_;
  Secret token_;
  std::unique_ptr<http::HttpClient> client_;
};

}  // namespace

void register_vault(Catalog& catalog) { catalog.add<VaultStore>(); }

}  // namespace mecha::secrets
