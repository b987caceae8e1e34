// Exporters: standard output, Zipkin, OTLP over HTTP and gRPC; and the tracer that has those of its
// options.

#include <utility>

#include "runtime/base/text.hpp"
#include "runtime/net/client.hpp"
#include "runtime/net/grpc.hpp"
#include "runtime/telemetry/span_format.hpp"

namespace mecha::trace {

namespace {

using Batch = std::shared_ptr<const std::vector<Finished>>;
using namespace std::chrono_literals;

constexpr std::size_t kAnswerMax = 1 << 20;

struct Endpoint {
  net::Origin origin;
  std::string path;  // with its leading slash; may be empty
};

// "host:port/path", "[::1]:port"; the scheme is gone already.
Endpoint parse_endpoint(std::string_view text, std::uint16_t default_port) {
  Endpoint out;
  const auto slash = text.find('/');
  std::string_view authority = text.substr(0, slash);
  if (slash != std::string_view::npos) out.path = text.substr(slash);
  out.origin.port = default_port;
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
    const auto port = text::to_uint(authority.substr(colon + 1));
    if (port && *port <= 65535) out.origin.port = static_cast<std::uint16_t>(*port);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']'))
    authority = authority.substr(1, authority.size() - 2);
  out.origin.host = authority;
  return out;
}

std::string_view cut_scheme(std::string_view url) {
  const auto at = url.find("://");
  return at == std::string_view::npos ? url : url.substr(at + 3);
}

Result<net::ClientOptions> client_options(bool secure, bool http2) {
  net::ClientOptions options;
  options.http2 = http2;
  options.idle_max = 1;
  if (!secure) return options;
  net::TlsClientOptions tls;
  if (http2) tls.alpn = {"h2"};
  MECHA_TRY(options.tls, net::make_tls(tls));
  return options;
}

class StdoutExporter final : public Exporter {
 public:
  explicit StdoutExporter(Log log) : log_(std::move(log)) {}
  Async<void> send(Batch batch) override {
    for (const Finished& span : *batch) log_.info(stdout_text(span));
    co_return Result<void>{};
  }

 private:
  Log log_;
};

// Posts a body made of the batch.
class HttpExporter final : public Exporter {
 public:
  using Encode = std::string (*)(std::span<const Finished>, const Resource&);

  HttpExporter(
      Shards& shards,
      Endpoint endpoint,
      net::ClientOptions options,
      net::Headers headers,
      Encode encode,
      Resource resource,
      std::chrono::milliseconds limit
  )
      : client_(shards, endpoint.origin, std::move(options)),
        path_(std::move(endpoint.path)),
        headers_(std::move(headers)),
        encode_(encode),
        resource_(std::move(resource)),
        limit_(limit) {
    authority_ = endpoint.origin.host + ":" + std::to_string(endpoint.origin.port);
  }

  Async<void> send(Batch batch) override {
    std::string body = encode_(*batch, resource_);
    net::RequestHead head;
    head.method = "POST";
    head.target = path_;
    head.authority = authority_;
    head.scheme = "http";
    head.headers = headers_;
    head.content_length = body.size();
    head.has_body = true;
    MECHA_CO_TRY(
        const auto answer,
        co_await client_.fetch(std::move(head), std::move(body), limit_, kAnswerMax)
    );
    if (answer.head.status / 100 != 2) {
      co_return fail(
          Code::unavailable,
          authority_ + path_ + " answered with status " + std::to_string(answer.head.status)
      );
    }
    co_return Result<void>{};
  }

 private:
  net::Client client_;
  std::string path_, authority_;
  net::Headers headers_;
  Encode encode_;
  Resource resource_;
  std::chrono::milliseconds limit_;
};

class GrpcExporter final : public Exporter {
 public:
  GrpcExporter(
      Shards& shards,
      const Endpoint& endpoint,
      net::ClientOptions options,
      net::Headers metadata,
      Resource resource,
      std::chrono::milliseconds limit
  )
      : client_(shards, endpoint.origin, std::move(options)),
        metadata_(std::move(metadata)),
        resource_(std::move(resource)),
        limit_(limit) {}

  Async<void> send(Batch batch) override {
    const std::string method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    MECHA_CO_TRY(
        const auto answer,
        co_await net::grpc::unary(
            client_, method, metadata_, otlp_bytes(*batch, resource_), limit_, kAnswerMax
        )
    );
    if (!answer.status.ok()) co_return fail(answer.status.code, answer.status.message);
    co_return Result<void>{};
  }

 private:
  net::Client client_;
  net::Headers metadata_;
  Resource resource_;
  std::chrono::milliseconds limit_;
};

net::Headers header_list(const std::vector<std::string>& list) {
  net::Headers headers;
  for (const std::string& item : list) {
    const auto equals = item.find('=');
    if (equals != std::string::npos)
      headers.add(text::lower(item.substr(0, equals)), item.substr(equals + 1));
  }
  return headers;
}

Result<std::unique_ptr<Exporter>> make_zipkin(
    const std::string& url, const Resource& resource, Shards& shards
) {
  const bool secure = url.starts_with("https://");
  Endpoint endpoint = parse_endpoint(cut_scheme(url), secure ? 443 : 80);
  if (endpoint.origin.host.empty()) return fail(Code::invalid_argument, "no host in " + url);
  if (endpoint.path.empty()) endpoint.path = "/";
  MECHA_TRY(auto options, client_options(secure, false));
  return std::make_unique<HttpExporter>(
      shards,
      std::move(endpoint),
      std::move(options),
      net::Headers{{"Content-Type", "application/json"}},
      zipkin_json,
      resource,
      10s
  );
}

Result<std::unique_ptr<Exporter>> make_otel(
    const TracerOptions& all, const Resource& resource, Shards& shards
) {
  const auto& otel = all.otel;
  const bool http = otel.protocol.starts_with("http");
  Endpoint endpoint = parse_endpoint(cut_scheme(otel.endpoint), http ? 4318 : 4317);
  if (endpoint.origin.host.empty())
    return fail(Code::invalid_argument, "no host in " + otel.endpoint);
  std::chrono::milliseconds limit =
      std::chrono::duration_cast<std::chrono::milliseconds>(otel.timeout);
  if (limit <= 0ms) limit = 10s;
  MECHA_TRY(auto options, client_options(otel.secure, !http));
  net::Headers headers = header_list(otel.headers);
  if (!http) {
    return std::make_unique<GrpcExporter>(
        shards, endpoint, std::move(options), std::move(headers), resource, limit
    );
  }
  if (endpoint.path.size() < 2) endpoint.path = "/v1/traces";
  headers.set("Content-Type", "application/x-protobuf");
  return std::make_unique<HttpExporter>(
      shards,
      std::move(endpoint),
      std::move(options),
      std::move(headers),
      otlp_bytes,
      resource,
      limit
  );
}

}  // namespace

std::unique_ptr<Tracer> make_tracer(TracerOptions options, Log log, Shards& shards) {
  const Log own = log.scoped("dapr.runtime.trace");
  const Resource resource{
      options.service_name.empty() ? options.app_id : options.service_name, options.resource
  };
  std::vector<std::unique_ptr<Exporter>> exporters;
  const auto add = [&](Result<std::unique_ptr<Exporter>> made, std::string_view what) {
    if (made) {
      exporters.push_back(*std::move(made));
    } else {
      own.error("cannot export spans to " + std::string(what) + ": " + made.error().message);
    }
  };
  if (sampling_share(options.sampling_rate) != 0) {
    if (options.standard_out) exporters.push_back(std::make_unique<StdoutExporter>(own));
    if (!options.zipkin_endpoint.empty())
      add(make_zipkin(options.zipkin_endpoint, resource, shards), "zipkin");
    if (!options.otel.endpoint.empty()) add(make_otel(options, resource, shards), "otel");
  }
  return std::make_unique<Tracer>(std::move(options), own, shards, std::move(exporters));
}

}  // namespace mecha::trace
