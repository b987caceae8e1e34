// Documents over HTTP. An answer is kept until it is whole: an error never follows a part of it, and a client that sends all
// before it reads is not held up.

#include "api/http/crypto.hpp"

#include <utility>

#include "api/errors/crypto.hpp"
#include "api/http/crypto_subtle.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/crypto/spool.hpp"

namespace mecha::api {
namespace {

std::string header(const HttpRequest& request, std::string_view name) {
  return std::string(request.exchange.request().headers.value_or(name));
}

// Errors of the API as they are; whatever else happens on the way has no code of its own.
Error shown(const Error& error) { return error.tag.empty() ? errors::crypto_stream(error.message) : error; }

asio::awaitable<void> send(HttpRequest& request, crypto::Spool& spool) {
  net::ResponseHead head{.status = 200};
  head.headers.add("Content-Type", "application/octet-stream");
  auto piece = co_await spool.read();
  if (!piece) co_return co_await respond_error(request, shown(piece.error()));
  // A client that went away meanwhile has no answer to be told about.
  if (piece->size() == spool.size()) {
    (void)co_await request.exchange.respond(std::move(head), *std::move(piece));
    co_return;
  }
  head.content_length = spool.size();
  const auto started = co_await request.exchange.start(std::move(head));
  if (!started) co_return;
  while (!piece->empty()) {
    const auto written = co_await request.exchange.write(*piece);
    if (!written) co_return;
    piece = co_await spool.read();
    if (!piece) co_return request.exchange.abort();
  }
  (void)co_await request.exchange.finish();
}

asio::awaitable<void> encrypt(crypto::CryptoCapability& capability, HttpRequest& request) {
  crypto::EncryptRequest wanted{
      .component = request.parameter(0),
      .key = header(request, "dapr-key-name"),
      .algorithm = header(request, "dapr-key-wrap-algorithm"),
      .cipher = header(request, "dapr-data-encryption-cipher"),
      .decryption_key = header(request, "dapr-decryption-key-name"),
      .omits_key = text::truthy(header(request, "dapr-omit-decryption-key-name")),
  };
  const auto found = capability.check_component(request.scope, wanted.component);
  if (!found) co_return co_await respond_error(request, found.error());
  for (const auto* name : {"dapr-key-name", "dapr-key-wrap-algorithm"}) {
    if (header(request, name).empty()) co_return co_await respond_error(request, errors::crypto_header_missing(name));
  }
  crypto::Spool spool(capability.files());
  const auto done = co_await capability.encrypt(request.scope, std::move(wanted), request.exchange.body(), spool);
  if (!done) co_return co_await respond_error(request, shown(done.error()));
  co_await send(request, spool);
}

asio::awaitable<void> decrypt(crypto::CryptoCapability& capability, HttpRequest& request) {
  crypto::DecryptRequest wanted{.component = request.parameter(0), .key = header(request, "dapr-key-name")};
  crypto::Spool spool(capability.files());
  const auto done = co_await capability.decrypt(request.scope, std::move(wanted), request.exchange.body(), spool);
  if (!done) co_return co_await respond_error(request, shown(done.error()));
  co_await send(request, spool);
}

HttpRoute document_route(std::string path, std::string name, HttpHandler handler) {
  return {
      .methods = {"PUT"},
      .pattern = "/v1.0-alpha1/crypto/{name}/" + std::move(path),
      .name = std::move(name),
      .group = "v1alpha1/crypto",
      .handler = std::move(handler),
  };
}

}  // namespace

std::vector<HttpRoute> crypto_routes(crypto::CryptoCapability& capability) {
  auto routes = subtle_routes(capability);
  routes.push_back(document_route("encrypt", "Encrypt", [&capability](HttpRequest& request) {
    return encrypt(capability, request);
  }));
  routes.push_back(document_route("decrypt", "Decrypt", [&capability](HttpRequest& request) {
    return decrypt(capability, request);
  }));
  return routes;
}

}  // namespace mecha::api
