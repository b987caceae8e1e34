// What the rarer calls send and make of their answers: metadata of the sidecar, single operations with
// keys, invocations without a value or an answer.

#include "catch.hpp"
#include "dapr/proto/runtime/v1/dapr.pb.h"
#include "mecha/service.h"
#include "tests/caller.h"
#include "tests/scripted.h"

namespace mecha::test {
namespace {

using namespace std::chrono_literals;

template <class Message>
Message sent(const ScriptedServer& server, const std::string& method) {
  Message message;
  REQUIRE(message.ParseFromString(server.seen(method).messages.at(0)));
  return message;
}

TEST_CASE("everything that the sidecar says of itself is there", "[calls]") {
  ScriptedServer server;
  v1::GetMetadataResponse says;
  says.add_resiliencies()->set_name("retries");
  says.add_mcp_servers()->set_name("mcp");
  says.add_workflow_access_policies()->set_name("policy");
  says.mutable_scheduler()->add_connected_addresses("localhost:50006");
  says.mutable_workflows()->set_connected_workers(2);
  auto& actors = *says.mutable_actor_runtime();
  actors.set_runtime_status(v1::ActorRuntime::RUNNING);
  actors.set_host_ready(true);
  actors.set_placement("placement: connected");
  actors.add_active_actors()->set_type("cart");
  auto& health = *says.mutable_app_connection_properties()->mutable_health();
  health.set_health_check_path("/healthz");
  health.set_health_probe_interval("5s");
  health.set_health_probe_timeout("500ms");
  health.set_health_threshold(3);
  server.answer("GetMetadata", Reply::with(says));
  const auto info = server.client().blocking().metadata();
  REQUIRE(info);
  CHECK(info->resiliencies == std::vector<std::string>{"retries"});
  CHECK(info->mcp_servers == std::vector<std::string>{"mcp"});
  CHECK(info->workflow_access_policies == std::vector<std::string>{"policy"});
  CHECK(info->scheduler_addresses.value().at(0) == "localhost:50006");
  CHECK(info->workflow_workers == 2);
  CHECK(info->actor_runtime.value().status == ActorRuntimeInfo::Status::running);
  CHECK(info->actor_runtime->host_ready);
  CHECK(info->actor_runtime->placement == "placement: connected");
  CHECK(info->actor_runtime->active.at(0).type == "cart");
  CHECK(info->app_health.value().path == "/healthz");
  CHECK(info->app_health->interval == "5s");
  CHECK(info->app_health->timeout == "500ms");
  CHECK(info->app_health->threshold == 3);
  server.answer("GetMetadata", Reply::with(v1::GetMetadataResponse()));
  const auto bare = server.client().blocking().metadata();
  REQUIRE(bare);
  CHECK(!bare->app_health);
  CHECK(!bare->actor_runtime);
  CHECK(!bare->scheduler_addresses);
  CHECK(!bare->workflow_workers);
}

TEST_CASE("single operations with keys send all their parts", "[calls]") {
  ScriptedServer server;
  const auto crypto = server.client().blocking().crypto("c");
  v1::SubtleGetKeyResponse key;
  key.set_public_key("public");
  server.answer("SubtleGetKeyAlpha1", Reply::with(key));
  CHECK(*crypto.public_key("k", KeyFormat::json) == "public");
  const auto asked = sent<v1::SubtleGetKeyRequest>(server, "SubtleGetKeyAlpha1");
  CHECK(asked.component_name() + asked.name() == "ck");
  CHECK(asked.format() == v1::SubtleGetKeyRequest::JSON);

  v1::SubtleEncryptResponse encrypted;
  encrypted.set_ciphertext("sealed");
  encrypted.set_tag("tag");
  server.answer("SubtleEncryptAlpha1", Reply::with(encrypted));
  const auto sealed = crypto.encrypt_bytes("k", "A256GCM", "plain", {"nonce", "more"});
  REQUIRE(sealed);
  CHECK(sealed->data + sealed->tag == "sealedtag");
  const auto encrypt = sent<v1::SubtleEncryptRequest>(server, "SubtleEncryptAlpha1");
  CHECK(encrypt.component_name() + encrypt.key_name() + encrypt.algorithm() == "ckA256GCM");
  CHECK(encrypt.plaintext() + encrypt.nonce() + encrypt.associated_data() == "plainnoncemore");

  v1::SubtleDecryptResponse decrypted;
  decrypted.set_plaintext("plain");
  server.answer("SubtleDecryptAlpha1", Reply::with(decrypted));
  CHECK(*crypto.decrypt_bytes("k", "A256GCM", "sealed", {"nonce", "more", "tag"}) == "plain");
  const auto decrypt = sent<v1::SubtleDecryptRequest>(server, "SubtleDecryptAlpha1");
  CHECK(decrypt.ciphertext() + decrypt.nonce() + decrypt.associated_data() + decrypt.tag() == "sealednoncemoretag");

  v1::SubtleWrapKeyResponse wrapped;
  wrapped.set_wrapped_key("wrapped");
  wrapped.set_tag("tag");
  server.answer("SubtleWrapKeyAlpha1", Reply::with(wrapped));
  CHECK(crypto.wrap_key("k", "A256KW", "key")->data == "wrapped");
  CHECK(sent<v1::SubtleWrapKeyRequest>(server, "SubtleWrapKeyAlpha1").plaintext_key() == "key");

  v1::SubtleUnwrapKeyResponse unwrapped;
  unwrapped.set_plaintext_key("key");
  server.answer("SubtleUnwrapKeyAlpha1", Reply::with(unwrapped));
  CHECK(*crypto.unwrap_key("k", "A256KW", "wrapped", {"", "", "tag"}) == "key");
  const auto unwrap = sent<v1::SubtleUnwrapKeyRequest>(server, "SubtleUnwrapKeyAlpha1");
  CHECK(unwrap.wrapped_key() + unwrap.tag() == "wrappedtag");

  v1::SubtleSignResponse signed_by;
  signed_by.set_signature("signature");
  server.answer("SubtleSignAlpha1", Reply::with(signed_by));
  CHECK(*crypto.sign("k", "PS256", "digest") == "signature");
  CHECK(sent<v1::SubtleSignRequest>(server, "SubtleSignAlpha1").digest() == "digest");

  v1::SubtleVerifyResponse verified;
  verified.set_valid(true);
  server.answer("SubtleVerifyAlpha1", Reply::with(verified));
  CHECK(crypto.verify("k", "PS256", "digest", "signature").value_or(false));
  const auto verify = sent<v1::SubtleVerifyRequest>(server, "SubtleVerifyAlpha1");
  CHECK(verify.digest() + verify.signature() == "digestsignature");
}

TEST_CASE("an invocation may have no value, and its answer be left unread", "[calls]") {
  ScriptedServer server;
  common::InvokeResponse answer;
  answer.mutable_data()->set_value("left");
  server.answer("InvokeService", Reply::with(answer));
  const auto app = server.client().blocking().app("stock");
  CHECK(app.invoke<void>("items", std::string("three")).has_value());
  CHECK(sent<v1::InvokeServiceRequest>(server, "InvokeService").message().data().value() == "three");
  CHECK(*app.invoke<std::string>("items/1", {.verb = "DELETE"}) == "left");
  auto request = sent<v1::InvokeServiceRequest>(server, "InvokeService");
  CHECK(request.message().http_extension().verb() == common::HTTPExtension::DELETE);
  CHECK(request.message().data().value().empty());
  CHECK(app.invoke<void>("items/1").has_value());
  server.answer("InvokeService", Reply::failed({grpc::StatusCode::NOT_FOUND, "none"}));
  CHECK(app.invoke<void>("items/1").error().code == Code::not_found);
}

TEST_CASE("calls end no later than whoever waits for them", "[calls]") {
  ScriptedServer server;
  server.answer("GetState", Reply::with(v1::GetStateResponse()));
  const auto client = server.client();
  TaskContext context;
  context.deadline = std::chrono::system_clock::now() + 7s;
  const auto get = [&](CallOptions options) {
    REQUIRE(sync_wait(client.state("o").get<std::string>("k", {}, std::move(options)), context).has_value());
    return server.seen("GetState").deadline - std::chrono::system_clock::now();
  };
  CHECK(get({}) < 8s);
  CallOptions options;
  options.timeout = 2s;
  CHECK(get(options) < 3s);
  options.timeout = CallOptions::no_timeout;
  CHECK(get(options) > 1h);
}

TEST_CASE("a handler passes on the deadline of its caller, over the client of its service", "[calls]") {
  ScriptedServer server;
  server.answer("GetState", Reply::with(v1::GetStateResponse()));
  auto options = quiet();
  options.client = server.client();
  Service service(options);
  const auto client = service.client();
  REQUIRE(client);
  service.method("plain", [client] { (void)client->blocking().state("o").get<Bytes>("k"); });
  service.method("task", [client]() -> Task<void> { (void)co_await client->state("o").get<Bytes>("k"); });
  REQUIRE(service.start());
  Caller caller(service);  // its calls have 20 seconds, those of the client 60
  for (const char* method : {"plain", "task"}) {
    REQUIRE(caller.invoke(method, "").status.ok());
    CHECK(server.seen("GetState").deadline - std::chrono::system_clock::now() < 21s);
  }
}

}  // namespace
}  // namespace mecha::test
