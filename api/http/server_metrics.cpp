// Metrics of the HTTP API: one set per request, when it has ended (contract 06, 7.2).

#include "api/http/answer.hpp"
#include "api/http/served.hpp"
#include "api/http/server.hpp"
#include "runtime/app/application.hpp"
#include "runtime/base/text.hpp"
#include "runtime/telemetry/path_labels.hpp"

namespace mecha::api {

void HttpServer::measure(const Served& served) const {
  auto& metrics = *application_.metrics;
  const auto& labels = *application_.path_labels;
  const auto& head = served.answer.request();
  const auto decoded = text::unescape_path(served.path);
  std::string room;
  const auto path = labels.server(decoded ? std::string_view(*decoded) : std::string_view(served.path), room);
  const auto method = labels.verb(head.method);
  const auto status = std::to_string(served.answer.status());
  const auto spent = RequestScope::Clock::now() - served.scope.begun;
  metrics.count(Metric::http_server_request_count, {method, path, status});
  if (labels.counts_responses()) metrics.count(Metric::http_server_response_count, {method, path, status});
  metrics.observe(
      Metric::http_server_latency,
      {method, path, status},
      std::chrono::duration<double, std::milli>(spent).count()
  );
  metrics.observe(
      Metric::http_server_request_bytes, {}, static_cast<double>(head.content_length.value_or(served.answer.received_bytes()))
  );
  metrics.observe(Metric::http_server_response_bytes, {}, static_cast<double>(served.answer.sent_bytes()));
}

}  // namespace mecha::api
