// The capabilities and HTTP servers of a Host. Included by the .cpp files of Host only.

#pragma once

#include "api/grpc/reflection.hpp"
#include "api/grpc/server.hpp"
#include "api/http/server.hpp"
#include "runtime/capabilities/bindings/input.hpp"
#include "runtime/capabilities/bindings/output.hpp"
#include "runtime/capabilities/configuration/configuration.hpp"
#include "runtime/capabilities/crypto/crypto.hpp"
#include "runtime/capabilities/invocation/invocation.hpp"
#include "runtime/capabilities/lock/lock.hpp"
#include "runtime/capabilities/pubsub/publisher.hpp"
#include "runtime/capabilities/pubsub/streams.hpp"
#include "runtime/capabilities/pubsub/subscriptions.hpp"
#include "runtime/capabilities/secrets/secrets.hpp"
#include "runtime/capabilities/state/outbox_relay.hpp"
#include "runtime/capabilities/state/state.hpp"
#include "runtime/daemon/host.hpp"
#include "runtime/mesh/peer_server.hpp"
#include "runtime/mesh/peers.hpp"
#include "runtime/mesh/proxy.hpp"

namespace mecha {

struct Host::Parts {
  Parts(Application& application, const Settings& settings, nameresolution::Resolver* resolver)
      : peers(application.shards, message_max(settings), header_max(settings)),
        invocation(application, peers, resolver),
        proxy(application, peers, resolver, message_max(settings)),
        peer_server(application, proxy, message_max(settings)),
        outbox(application),
        configurations(application),
        inputs(application, outputs, settings.binding_options_timeout),
        streams(application) {}

  static std::size_t message_max(const Settings& settings) {
    return static_cast<std::size_t>(settings.sizes.body_bytes_max);
  }

  // Of a list of headers or trailers over gRPC (contract 01, 1.6).
  static std::size_t header_max(const Settings& settings) {
    return std::max<std::size_t>(settings.sizes.read_buffer_bytes * 1024, 65536);
  }

  mesh::Peers peers;
  Invocation invocation;
  mesh::Proxy proxy;
  mesh::PeerServer peer_server;
  state::StateCapability state;
  state::OutboxRelay outbox;
  secrets::SecretsCapability secrets;
  lock::LockCapability locks;
  configuration::ConfigurationCapability configurations;
  crypto::CryptoCapability crypto;
  pubsub::Publisher publisher;
  bindings::OutputBindings outputs;
  bindings::InputBindings inputs;
  std::unique_ptr<pubsub::Subscriptions> subscriptions;
  pubsub::Streams streams;
  std::function<void(bool force)> shutdown;
  api::Reflection reflection{{"dapr.proto.runtime.v1.Dapr", "TaskHubSidecarService"}};
  api::Reflection internal_reflection{{"dapr.proto.internals.v1.ServiceInvocation"}};
  std::unique_ptr<api::GrpcServer> grpc;
  std::unique_ptr<api::HttpServer> http, public_http;
};

}  // namespace mecha
