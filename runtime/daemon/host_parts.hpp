// The capabilities and HTTP servers of a Host. Included by the .cpp files of Host only.

#pragma once

#include "api/http/server.hpp"
#include "runtime/capabilities/bindings/input.hpp"
#include "runtime/capabilities/bindings/output.hpp"
#include "runtime/capabilities/crypto/crypto.hpp"
#include "runtime/capabilities/invocation/invocation.hpp"
#include "runtime/capabilities/pubsub/publisher.hpp"
#include "runtime/capabilities/pubsub/subscriptions.hpp"
#include "runtime/capabilities/secrets/secrets.hpp"
#include "runtime/capabilities/state/outbox_relay.hpp"
#include "runtime/capabilities/state/state.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/mesh/peer_server.hpp"
#include "runtime/mesh/peers.hpp"

namespace mecha {

struct Host::Parts {
  Parts(Application& application, const Settings& settings, nameresolution::Resolver* resolver)
      : peers(application.shards, message_max(settings)),
        invocation(application, peers, resolver),
        peer_server(application, message_max(settings)),
        outbox(application),
        inputs(application, outputs, settings.binding_options_timeout) {}

  static std::size_t message_max(const Settings& settings) {
    return static_cast<std::size_t>(settings.sizes.body_bytes_max);
  }

  mesh::Peers peers;
  Invocation invocation;
  mesh::PeerServer peer_server;
  state::StateCapability state;
  state::OutboxRelay outbox;
  secrets::SecretsCapability secrets;
  crypto::CryptoCapability crypto;
  pubsub::Publisher publisher;
  bindings::OutputBindings outputs;
  bindings::InputBindings inputs;
  std::unique_ptr<pubsub::Subscriptions> subscriptions;
  std::unique_ptr<api::HttpServer> http, public_http;
};

}  // namespace mecha
