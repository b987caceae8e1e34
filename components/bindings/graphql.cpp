// Output binding on a GraphQL server (contract 03, 5.6).

#include <algorithm>
#include <cctype>
#include <chrono>
#include <string>

#include "components/bindings/binding.hpp"
#include "components/catalog.hpp"
#include "components/http/client.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kJson = "application/json; charset=utf-8";
constexpr std::string_view kHeader = "header:";
constexpr std::string_view kVariable = "variable:";
constexpr std::uint64_t kAnswerMax = 100 << 20;
constexpr auto kLimit = 60s;

struct GraphqlSettings {
  std::string endpoint;
  Rest items;

  static constexpr auto fields() {
    using S = GraphqlSettings;
    return std::tuple{
        field("endpoint", &S::endpoint, "URL of the server.").required("GraphQL Error: Missing GraphQL URL"),
        field("header:<Name>", &S::items, "A header of every request; so many as there are items of such a name."),
    };
  }
};

// The headers among items or metadata: "header:X-Key" is X-Key.
template <class Items>
void add_headers(net::Headers& headers, const Items& items) {
  for (const auto& [name, value] : items) {
    if (name.size() > kHeader.size() && text::lower(name).starts_with(kHeader)) headers.set(name.substr(kHeader.size()), value);
  }
}

class GraphqlBinding final : public Binding, public OutputBinding {
 public:
  using Settings = GraphqlSettings;
  static constexpr ComponentInfo info{"bindings.graphql", "v1", "Queries and mutations of a GraphQL server."};

  GraphqlBinding(Settings settings, const ComponentContext& context)
      : settings_(std::move(settings)), shards_(context.shards) {}

  OutputBinding* output() override { return this; }
  std::vector<std::string> operations() const override { return {"query", "mutation"}; }

  static Result<net::Url> check(const Settings& settings) { return net::parse_url(settings.endpoint); }

  Async<void> start() override {
    MECHA_CO_TRY_VOID(check(settings_));
    MECHA_CO_TRY(auto tls, net::make_tls(net::TlsClientOptions{}));
    client_ = std::make_unique<http::HttpClient>(shards_, std::move(tls));
    co_return Result<void>{};
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    const auto begun = std::chrono::system_clock::now();
    const auto text = text_of(request);
    if (!text) co_return failed(text.error());
    auto got = co_await client_->send(make_call(request, *text), kAnswerMax, kLimit);
    if (!got) co_return failed(std::move(got).error());
    auto data = data_of(*got);
    if (!data) co_return failed(std::move(data).error());
    const auto ended = std::chrono::system_clock::now();
    co_return answer(
        *std::move(data),
        {{"operation", request.operation},
         {"start-time", text::rfc3339_nano(begun)},
         {"end-time", text::rfc3339_nano(ended)},
         {"duration", text::format_go_duration(ended - begun)}}
    );
  }

 private:
  static InvokeOutcome failed(Error error) { return failure(std::move(error).context("GraphQL Error")); }

  // Of the operation's name; its first word must be that name, too.
  static Result<std::string> text_of(const InvokeRequest& request) {
    const auto& word = request.operation;
    const auto item = request.metadata.find(word);
    if (item == request.metadata.end() || item->second.empty()) return fail(Code::invalid_argument, "required " + text::quote(word) + " not set");
    const auto text = text::trim(item->second);
    const auto next = text.substr(std::min(word.size(), text.size()));
    const bool whole = next.empty() || (std::isalnum(static_cast<unsigned char>(next.front())) == 0 && next.front() != '_');
    if (!text.starts_with(word) || !whole) return fail(Code::invalid_argument, "command is not a " + word);
    return std::string(text);
  }

  http::HttpCall make_call(const InvokeRequest& request, const std::string& text) const {
    json::Object variables;
    for (const auto& [name, value] : request.metadata) {
      if (name.starts_with(kVariable)) variables[name.substr(kVariable.size())] = value;
    }
    http::HttpCall call;
    call.method = "POST";
    call.url = settings_.endpoint;
    call.headers.set("Content-Type", kJson);
    call.headers.set("Accept", kJson);
    add_headers(call.headers, settings_.items);
    add_headers(call.headers, request.metadata);
    call.body = json::write(json::Value(json::Object{{"query", text}, {"variables", json::Value(std::move(variables))}}));
    call.has_body = true;
    return call;
  }

  static Result<std::string> data_of(const http::HttpAnswer& got) {
    const auto document = json::parse(got.body);
    if (!document || !document->is_object()) {
      if (got.status != 200) {
        return fail(Code::unavailable, "graphql: server returned a non-200 status code: " + std::to_string(got.status));
      }
      return fail(Code::unavailable, "graphql: the answer is no JSON object");
    }
    const auto* errors = document->find("errors");
    if (errors != nullptr && errors->is_array() && !errors->as_array().empty()) {
      return fail(Code::unknown, "graphql: " + std::string(errors->as_array().front().text("message")));
    }
    const auto* data = document->find("data");
    return json::write(data == nullptr ? json::Value() : *data);
  }

  Settings settings_;
  Shards& shards_;
  std::unique_ptr<http::HttpClient> client_;  // set by start()
};

}  // namespace

void register_graphql(Catalog& catalog) { catalog.add<GraphqlBinding>(); }

}  // namespace mecha::bindings
