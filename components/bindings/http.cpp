// Output binding on an HTTP server (contract 03, 5.6).

#include <optional>
#include <string>
#include <utility>

#include "components/bindings/binding.hpp"
#include "components/http/client.hpp"
#include "components/catalog.hpp"
#include "runtime/async/bridge.hpp"
#include "runtime/base/file.hpp"
#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

constexpr std::string_view kJson = "application/json; charset=utf-8";
constexpr std::int64_t kBodyMax = 100 << 20;

struct HttpSettings {
  std::string url;
  bool error_if_not_2xx = true;
  std::optional<std::chrono::milliseconds> response_timeout;
  std::string body_max = "100Mi";
  std::string root_ca, client_cert;
  Secret client_key;
  std::string renegotiation;
  Secret token;
  std::string token_header;

  static constexpr auto fields() {
    using S = HttpSettings;
    return std::tuple{
        field("url", &S::url, "Base of the requests.").required(),
        field(
            "errorIfNot2XX",
            &S::error_if_not_2xx,
            "Whether an answer outside 200 to 299 is an error."
        ),
        field(
            "responseTimeout",
            &S::response_timeout,
            "Limit on a request and its answer; none if absent."
        ),
        field(
            "maxResponseBodySize",
            &S::body_max,
            "Longer bodies are cut: bytes or a quantity; 0 is no limit."
        ),
        field(
            "MTLSRootCA",
            &S::root_ca,
            "Authorities of the server's certificate: PEM text, or a file."
        ),
        field(
            "MTLSClientCert",
            &S::client_cert,
            "Client certificate: PEM text, or a file; needs MTLSClientKey."
        ),
        field(
            "MTLSClientKey", &S::client_key, "Key of the client certificate: PEM text, or a file."
        ),
        field("MTLSRenegotiation", &S::renegotiation, "Accepted; this client never renegotiates.")
            .one_of("RenegotiateNever", "RenegotiateOnceAsClient", "RenegotiateFreelyAsClient"),
        field("securityToken", &S::token, "Sent in the header that securityTokenHeader names."),
        field("securityTokenHeader", &S::token_header, "Name of the header of securityToken."),
    };
  }
};

// PEM text stands for itself, anything else is the name of a file. Blocks.
Result<std::string> pem_of(std::string_view what, const std::string& value) {
  if (value.empty() || value.find("-----BEGIN ") != std::string::npos) return value;
  auto text = read_file(value);
  if (text && !text->empty()) return text;
  return fail(
      text ? Code::invalid_argument : text.error().code,
      std::string(what) + " is neither PEM text nor a file that can be read: " + value
  );
}

Result<net::TlsClientOptions> tls_options(const HttpSettings& settings) {
  if (settings.client_cert.empty() != settings.client_key.empty()) {
    return fail(Code::invalid_argument, "MTLSClientCert and MTLSClientKey need each other");
  }
  net::TlsClientOptions tls;
  MECHA_TRY(tls.ca_pem, pem_of("MTLSRootCA", settings.root_ca));
  MECHA_TRY(tls.certificate_pem, pem_of("MTLSClientCert", settings.client_cert));
  // The key's own text must not get into a message.
  const auto& key = settings.client_key.reveal();
  auto key_pem = pem_of("MTLSClientKey", key);
  if (!key_pem)
    return fail(
        key_pem.error().code, "MTLSClientKey is neither PEM text nor a file that can be read"
    );
  tls.private_key_pem = Secret(*std::move(key_pem));
  return tls;
}

const std::string* value_of(const Metadata& metadata, std::string_view name) {
  const auto it = metadata.find(name);
  return it == metadata.end() || it->second.empty() ? nullptr : &it->second;
}

bool is_capital(std::string_view name) { return !name.empty() && name[0] >= 'A' && name[0] <= 'Z'; }

class HttpBinding final : public Binding, public OutputBinding {
 public:
  using Settings = HttpSettings;
  static constexpr ComponentInfo info{"bindings.http", "v1", "Requests to an HTTP server."};

  HttpBinding(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), shards_(context.shards) {}

  OutputBinding* output() override { return this; }
  std::vector<std::string> operations() const override {
    return {"create", "get", "head", "post", "put", "patch", "delete", "options", "trace"};
  }

  // Blocks: may read files.
  static Result<void> check(const Settings& settings) {
    MECHA_TRY([[maybe_unused]] const auto most, body_most(settings));
    MECHA_TRY(const auto tls, tls_options(settings));
    MECHA_TRY([[maybe_unused]] const auto context, net::make_tls(tls));
    return {};
  }

  static Result<std::uint64_t> body_most(const Settings& settings) {
    const auto most = text::quantity(settings.body_max);
    if (!most && !settings.body_max.empty()) {
      return fail(
          Code::invalid_argument,
          "maxResponseBodySize is no quantity: " + text::quote(settings.body_max)
      );
    }
    return static_cast<std::uint64_t>(std::max<std::int64_t>(most.value_or(kBodyMax), 0));
  }

  Async<void> start() override {
    MECHA_CO_TRY(body_max_, body_most(settings_));
    Bridge bridge("bindings-http");
    std::function<Result<net::TlsClientOptions>()> load = [this] { return tls_options(settings_); };
    MECHA_CO_TRY(auto tls, co_await bridge.call<net::TlsClientOptions>(std::move(load)));
    MECHA_CO_TRY(auto context, net::make_tls(tls));
    client_.emplace(shards_, std::move(context));
    co_return Result<void>{};
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    bool strict = settings_.error_if_not_2xx;
    if (const auto* wanted = value_of(request.metadata, "errorIfNot2XX"))
      strict = text::truthy(*wanted);
    auto made = make_call(std::move(request));
    if (!made) co_return failure(std::move(made).error());
    auto got = co_await client_->send(*std::move(made), body_max_, settings_.response_timeout);
    if (!got) co_return failure(std::move(got).error());
    co_return judged(*std::move(got), strict);
  }

 private:
  Result<std::string> url_of(const Metadata& metadata) const {
    auto url = settings_.url;
    if (const auto* path = value_of(metadata, "path")) {
      url.erase(url.find_last_not_of('/') + 1);
      url.append("/").append(*path, std::min(path->find_first_not_of('/'), path->size()));
      if (url.find("..") != std::string::npos)
        return fail(Code::invalid_argument, "invalid path: " + *path);
    }
    return url;
  }

  Result<http::HttpCall> make_call(InvokeRequest request) const {
    http::HttpCall call;
    MECHA_TRY(call.url, url_of(request.metadata));
    call.method = request.operation == "create" ? "POST" : text::upper(request.operation);
    call.has_body = call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
    if (call.has_body) {
      call.body = std::move(request.data);
      call.headers.set("Content-Type", kJson);
    }
    call.headers.set("Accept", kJson);
    for (const auto& [name, value] : request.metadata) {
      if (is_capital(name)) call.headers.set(name, value);
    }
    if (!settings_.token_header.empty() && !settings_.token.empty()) {
      call.headers.set(settings_.token_header, settings_.token.reveal());
      call.bound_headers = {settings_.token_header};
    }
    for (const std::string_view name : {"traceparent", "tracestate", "baggage"}) {
      if (const auto* value = value_of(request.metadata, name)) call.headers.set(name, *value);
    }
    return call;
  }

  static InvokeOutcome judged(http::HttpAnswer got, bool strict) {
    if (!strict || got.status / 100 == 2)
      return answer(std::move(got.body), std::move(got.metadata));
    Error error{.code = code_of_http_status(got.status), .outcome = static_cast<int>(got.status)};
    error.message = "received status code " + std::to_string(got.status);
    return failure(std::move(error), std::move(got.metadata));
  }

  Settings settings_;
  Shards& shards_;
  std::uint64_t body_max_ = 0;  // 0: none; set by start(), as is the client
  std::optional<http::HttpClient> client_;
};

}  // namespace

void register_http(Catalog& catalog) { catalog.add<HttpBinding>(); }

}  // namespace mecha::bindings
