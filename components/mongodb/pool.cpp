#include "components/mongodb/pool.hpp"

#include <mutex>
#include <utility>

#include <mongoc/mongoc.h>

namespace mecha::mongodb {
namespace {

// Once for the process, as the driver asks; it writes to no log of its own.
void prepare_driver() {
  static std::once_flag once;
  std::call_once(once, [] {
    mongoc_init();
    mongoc_log_set_handler(nullptr, nullptr);
  });
}

void limit(mongoc_uri_t* uri, const char* option, std::chrono::milliseconds most) {
  if (!mongoc_uri_has_option(uri, option)) mongoc_uri_set_option_as_int32(uri, option, static_cast<std::int32_t>(most.count()));
}

}  // namespace

Result<std::unique_ptr<Pool>> Pool::open(Options options) {
  prepare_driver();
  bson_error_t error{};
  const std::unique_ptr<mongoc_uri_t, decltype(&mongoc_uri_destroy)> uri(mongoc_uri_new_with_error(options.uri.c_str(), &error), &mongoc_uri_destroy);
  if (uri == nullptr) return fail(Code::invalid_argument, std::string("error in creating mongodb client: error parsing uri: ") + error.message);
  for (const auto* option : {MONGOC_URI_SERVERSELECTIONTIMEOUTMS, MONGOC_URI_CONNECTTIMEOUTMS, MONGOC_URI_SOCKETTIMEOUTMS}) {
    limit(uri.get(), option, options.timeout);
  }
  mongoc_client_pool_t* clients = mongoc_client_pool_new_with_error(uri.get(), &error);
  if (clients == nullptr) return fail(Code::unavailable, error.message);
  mongoc_client_pool_set_error_api(clients, MONGOC_ERROR_API_VERSION_2);
  mongoc_client_pool_set_appname(clients, "mecha");
  // The names of a seed list (mongodb+srv) may bring a replica set along: only a client knows.
  mongoc_client_t* client = mongoc_client_pool_pop(clients);
  const bool replicated = mongoc_uri_get_replica_set(mongoc_client_get_uri(client)) != nullptr;
  mongoc_client_pool_push(clients, client);
  return std::unique_ptr<Pool>(new Pool(std::move(options), clients, replicated));
}

Pool::~Pool() { close(); }

void Pool::close() {
  bridges_.stop();
  if (auto* const clients = std::exchange(clients_, nullptr)) mongoc_client_pool_destroy(clients);
}

Pool::Lease::Lease(Pool& of, std::function<bool()> wanted)
    : pool(of),
      client(mongoc_client_pool_pop(of.clients_)),
      session(client == nullptr ? nullptr : std::make_unique<Session>(client, of.options_, std::move(wanted))) {}

Pool::Lease::~Lease() {
  session.reset();
  if (client != nullptr) mongoc_client_pool_push(pool.clients_, client);
}

}  // namespace mecha::mongodb
