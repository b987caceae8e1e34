// One list of calls, on the fake and on a sidecar: what each answers is printed, and the two prints
// must be the same (tests/sdk-cpp/test_conform.py).
//   mecha_sdk_conform fake|sidecar

#include <condition_variable>
#include <mutex>

#include "mecha/testing/fake.h"
#include "tests/conform.h"

namespace mecha::testing {
namespace {

using namespace std::chrono_literals;

WriteOptions with_etag(std::string etag) {
  WriteOptions options;
  options.etag = std::move(etag);
  return options;
}
WriteOptions with_metadata(std::string key, std::string value) {
  WriteOptions options;
  options.metadata[std::move(key)] = std::move(value);
  return options;
}
WriteOptions first_write() {
  WriteOptions options;
  options.concurrency = Concurrency::first_write;
  return options;
}

void state_writes(const Side& side) {
  side.get("absent");
  side.set("a", "1");
  side.get("a");
  side.set("a", "2", with_etag("nonsense"));
  side.set("a", "2", with_etag(side.etag("a")));
  side.get("a");
  side.set("a", "3", first_write());
  side.set("new", "3", first_write());
  side.set("gone", "x", with_etag("nonsense"));
  side.set("brief", "x", with_metadata("ttlInSeconds", "100"));
  side.get("brief");
  side.set("brief", "x", with_metadata("ttlInSeconds", "-1"));
  side.get("brief");
  side.set("brief", "x", with_metadata("ttlInSeconds", "soon"));
  WriteOptions typed;
  typed.ttl = 90s;
  side.set("typed", "x", typed);
  side.get("typed");
  side.set("", "x");
  side.set("a||b", "x");
  side.get("a||b");
  side.set("empty", "");
  side.get("empty");
}

void state_many(const Side& side) {
  auto& api = side.api();
  const std::string one = "1", two = "2";
  say("save two", sync_wait(api.save_state({"store", {upsert("m1", one), upsert("m2", two)}}, {})));
  say("save none", sync_wait(api.save_state({"store", {}}, {})));
  say("save one of two",
      sync_wait(api.save_state({"store", {upsert("m1", two), upsert("m2", one, with_etag("no"))}}, {})));
  say("save neither",
      sync_wait(api.save_state(
          {"store", {upsert("m1", one, with_etag("no")), upsert("m2", one, with_etag("no"))}}, {}
      )));
  say("get many", sync_wait(api.get_bulk_state({"store", {"m2", "absent", "m1", "m1"}}, {})));
  say("get none", sync_wait(api.get_bulk_state({"store", {}}, {})));
  say("get an illegal one", sync_wait(api.get_bulk_state({"store", {"a", "x||y"}}, {})));
  say("transact",
      sync_wait(api.transact_state({"store", {upsert("t1", one), erase("m1"), upsert("t1", two)}}, {})));
  say("transact an old etag",
      sync_wait(api.transact_state({"store", {upsert("t2", one), erase("t1", with_etag("no"))}}, {})));
  say("transact nothing", sync_wait(api.transact_state({"store", {}}, {})));
  say("transact an illegal key", sync_wait(api.transact_state({"store", {erase("x||y")}}, {})));
  say("after them", sync_wait(api.get_bulk_state({"store", {"t1", "t2", "m1"}}, {})));
  say("delete", sync_wait(api.delete_state({"store", {erase("t1")}}, {})));
  say("delete again", sync_wait(api.delete_state({"store", {erase("t1")}}, {})));
  say("delete an old etag", sync_wait(api.delete_state({"store", {erase("a", with_etag("no"))}}, {})));
  say("delete an absent etag", sync_wait(api.delete_state({"store", {erase("z", with_etag("no"))}}, {})));
  say("delete an illegal key", sync_wait(api.delete_state({"store", {erase("x||y")}}, {})));
  say("delete two", sync_wait(api.delete_bulk_state({"store", {erase("a"), erase("m2")}}, {})));
  say("delete one old etag", sync_wait(api.delete_bulk_state({"store", {erase("new", with_etag("no"))}}, {})));
  say("query", sync_wait(api.query_state({"store", "{}"}, {})));
  say("another store", sync_wait(api.get_state({"other", "k"}, {})));
  say("query another store", sync_wait(api.query_state({"other", "{}"}, {})));
}

void publishing(const Side& side) {
  auto& api = side.api();
  const auto publish = [&](const std::string& name, PublishRequest request) {
    say("publish " + name, sync_wait(api.publish(std::move(request), {})));
  };
  publish("to nobody", {"bus", "nobody", "x"});
  publish("to no broker", {"other", "t", "x"});
  publish("without a broker", {"", "t", "x"});
  publish("without a topic", {"bus", "", "x"});
  publish("raw?", {"bus", "t", "x", "", {{"rawPayload", "maybe"}}});
  publish("a broken event", {"bus", "t", "no json", "application/cloudevents+json"});
  const auto bulk = [&](const std::string& name, BulkPublishRequest request) {
    say("publish " + name, sync_wait(api.publish_bulk(std::move(request), {})));
  };
  bulk("two", {"bus", "nobody", {{"1", "a", "text/plain", {}, {}}, {"2", "b", "text/plain", {}, {}}}});
  bulk("none", {"bus", "nobody", {}});
  bulk("one id twice", {"bus", "nobody", {{"1", "a", "", {}, {}}, {"1", "b", "", {}, {}}}});
  bulk("without an id", {"bus", "nobody", {{"", "a", "", {}, {}}}});
  bulk("many to no broker", {"other", "nobody", {{"1", "a", "", {}, {}}}});
}

// What a task that runs beside the list ends with.
template <class T>
class Later {
 public:
  explicit Later(Task<T> task) {
    then_call(std::move(task), [inside = inside_](T value) {
      const std::lock_guard lock(inside->mutex);
      inside->value = std::move(value);
      inside->came.notify_all();
    });
  }
  bool waited(std::chrono::milliseconds limit) const {
    std::unique_lock lock(inside_->mutex);
    return inside_->came.wait_for(lock, limit, [this] { return inside_->value.has_value(); });
  }
  T get() const { return waited(10s) ? *inside_->value : T(mecha::fail(Code::unknown, "nothing came")); }

 private:
  struct Inside {
    std::mutex mutex;
    std::condition_variable came;
    std::optional<T> value;
  };
  std::shared_ptr<Inside> inside_ = std::make_shared<Inside>();
};

void next(TopicStream& stream, const std::string& name, Verdict verdict = Verdict::success) {
  auto event = sync_wait(stream.next());
  say(name, event);
  if (!event || !*event) return;
  auto fields = (*event)->extensions;
  for (const auto* known : {"pubsubname", "time", "topic", "traceid", "traceparent", "tracestate"})
    if (fields.find(known) == std::string::npos) line(name, std::string("no ") + known);
  if (fields.find("expiration") != std::string::npos) line(name, "expires");
  say(name + ", answered", sync_wait(stream.answer((*event)->id, verdict)));
}

// Messages whose time is over never come; the one after them does.
void lifetimes(const Side& side, TopicStream& stream) {
  auto& api = side.api();
  const auto pass = [&](const std::string& name, PublishRequest request) {
    say("publish " + name, sync_wait(api.publish(std::move(request), {})));
    next(stream, name);
  };
  const auto publish = [&](const std::string& name, Metadata metadata, std::string data) {
    say("publish " + name,
        sync_wait(api.publish({"bus", "t", std::move(data), "text/plain", std::move(metadata)}, {})));
  };
  publish("for no time", {{"ttlInSeconds", "0"}}, "late");
  publish("for less than no time", {{"TTL", "-5s"}}, "late");
  pass("for a while", {"bus", "t", "x", "text/plain", {{"ttlInSeconds", "100"}}});
  pass("for a while in another way", {"bus", "t", "x", "text/plain", {{"TtL", "1m30.5s"}}});
  pass("for which of both", {"bus", "t", "x", "text/plain", {{"ttl", "90s"}, {"ttlInSeconds", "0"}}});
  for (const auto* odd : {"-1", "soon", "", "1.5", "10 s"})
    pass(std::string("for an odd time '") + odd + "'", {"bus", "t", "x", "text/plain", {{"ttlInSeconds", odd}}});
  pass("an event for a while", {"bus", "t", R"({"id":"2","data":"d"})", "application/cloudevents+json", {{"ttl", "100"}}});
  say("publish an event of yesterday",
      sync_wait(api.publish({"bus", "t", R"({"id":"3","expiration":"2020-02-03T04:05:06.7+01:00"})", "application/cloudevents+json"}, {})));
  pass("an event that says nothing of its end", {"bus", "t", R"({"id":"4","expiration":"soon"})", "application/cloudevents+json"});
  pass("an event with a text of JSON", {"bus", "t", R"({"id":"5","datacontenttype":"application/json","data":"s"})", "application/cloudevents+json"});
  // One id for two: each has an answer of its own.
  publish("a twin", {{"cloudevent.id", "twin"}}, "first");
  publish("its twin", {{"cloudevent.id", "twin"}}, "second");
  next(stream, "a twin");
  next(stream, "its twin");
}

void streams(const Side& side) {
  auto& api = side.api();
  const auto refused = [&](const std::string& name, SubscribeRequest request) {
    say("subscribe " + name, sync_wait(api.subscribe(std::move(request), {})->next()));
  };
  refused("no broker", {"other", "t"});
  refused("without a topic", {"bus", ""});
  refused("without a broker", {"", "t"});
  auto dead = api.subscribe({"bus", "dead"}, {});
  auto stream = api.subscribe({"bus", "t", {}, "dead"}, {});
  // Subscriptions begin with their first `next`.
  const auto open = [&](TopicStream& of) {
    const std::size_t before = sync_wait(api.get_metadata({}))->subscriptions.size();
    Later event(of.next());
    while (sync_wait(api.get_metadata({}))->subscriptions.size() == before) {
    }
    return event;
  };
  auto later_dead = open(*dead);
  auto later = open(*stream);
  say("publish", sync_wait(api.publish({"bus", "t", "hello", "text/plain"}, {})));
  auto event = later.get();
  say("text", event);
  say("text, answered", sync_wait(stream->answer((*event)->id, Verdict::success)));
  const auto pass = [&](const std::string& name, PublishRequest request) {
    say("publish " + name, sync_wait(api.publish(std::move(request), {})));
    next(*stream, name);
  };
  pass("json", {"bus", "t", R"({"a":1})", "application/json"});
  pass("no json", {"bus", "t", "text", "application/json"});
  pass("bytes", {"bus", "t", std::string("\x00\xff", 2), "application/octet-stream"});
  pass("no type", {"bus", "t", "x"});
  pass("another source", {"bus", "t", "x", "text/plain", {{"cloudevent.source", "s"}, {"cloudevent.type", "y"}}});
  pass("an event", {"bus", "t", R"({"id":"1","source":"s","type":"t","specversion":"1.0","datacontenttype":"text/plain","data":"d"})", "application/cloudevents+json"});
  say("publish bulk", sync_wait(api.publish_bulk({"bus", "t", {{"1", "in bulk", "text/plain", {}, {}}}}, {})));
  next(*stream, "of a bulk");
  lifetimes(side, *stream);
  say("an unknown id", sync_wait(stream->answer("unknown", Verdict::success)));
  say("publish for drop", sync_wait(api.publish({"bus", "t", "bad", "text/plain"}, {})));
  next(*stream, "dropped", Verdict::drop);
  const auto lost = later_dead.get();
  say("in the dead letter topic", lost);
  say("in the dead letter topic, answered", sync_wait(dead->answer(lost ? (*lost)->id : "", Verdict::success)));
  Later again(dead->next());
  say("publish for retry", sync_wait(api.publish({"bus", "t", "hard", "text/plain"}, {})));
  next(*stream, "to be tried again", Verdict::retry);
  say("in the dead letter topic at once", again.get());
  stream->cancel();
  say("after cancel", sync_wait(stream->next()));
}

void stores(const Side& side) {
  auto& api = side.api();
  const auto secret = [&](const std::string& store, const std::string& key) {
    say("secret " + store + " " + key, sync_wait(api.get_secret({store, key}, {})));
  };
  secret("vault", "password");
  secret("vault", "absent");
  secret("other", "password");
  say("all secrets", sync_wait(api.get_all_secrets({"vault", ""}, {})));
  say("all secrets of another", sync_wait(api.get_all_secrets({"other", ""}, {})));

  const auto lock = [&](const std::string& store, const std::string& resource,
                        const std::string& owner, std::chrono::seconds expiry) {
    say("lock " + store + " " + resource + " " + owner,
        sync_wait(api.try_lock({store, resource, owner, expiry}, {})));
  };
  const auto unlock = [&](const std::string& store, const std::string& resource, const std::string& owner) {
    say("unlock " + store + " " + resource + " " + owner,
        sync_wait(api.unlock({store, resource, owner}, {})));
  };
  lock("locks", "r", "me", 60s);
  lock("locks", "r", "you", 60s);
  lock("locks", "r", "me", 60s);
  unlock("locks", "r", "you");
  unlock("locks", "r", "me");
  unlock("locks", "r", "me");
  lock("locks", "r", "me", 0s);
  lock("locks", "", "me", 60s);
  lock("locks", "r", "", 60s);
  lock("locks", "x||y", "me", 60s);
  unlock("locks", "x||y", "me");
  lock("other", "r", "me", 60s);
  unlock("other", "r", "me");

  say("binding other", sync_wait(api.invoke_binding({"other", "create"}, {})));
  say("binding without operation", sync_wait(api.invoke_binding({"setter", ""}, {})));
}

void configuration(const Side& side) {
  auto& api = side.api();
  side.configure("k1", "v1");
  side.configure("k2", "v2");
  say("items", sync_wait(api.get_configuration({"conf", {"k1", "absent", "k2"}}, {})));
  say("items of another", sync_wait(api.get_configuration({"other", {"k1"}}, {})));
  say("watch another", sync_wait(api.subscribe_configuration({"other", {"k1"}}, {})->next()));
  auto watch = api.subscribe_configuration({"conf", {"k1"}}, {});
  const Later change(watch->next());
  // The id comes with a change, so one is made until it does.
  while (!change.waited(50ms)) {
    side.configure("k2", "elsewhere");
    side.configure("k1", "changed");
  }
  say("change", change.get());
  say("unsubscribe", sync_wait(api.unsubscribe_configuration("conf", watch->id(), {})));
  auto end = sync_wait(watch->next());
  while (end && *end) end = sync_wait(watch->next());
  say("the end", end);
  say("unsubscribe again", sync_wait(api.unsubscribe_configuration("conf", watch->id(), {})));
}

void crypto(const Side& side) {
  const auto crypto = side.client.blocking().crypto("crypto");
  const auto document = crypto.encrypt("plain", {"k1", "A256KW"});
  say("decrypt", crypto.decrypt(*document));
  say("decrypt with the key", crypto.decrypt(*document, {"k1"}));
  say("decrypt with another key", crypto.decrypt(*document, {"k2"}));
  say("decrypt with no such key", crypto.decrypt(*document, {"k9"}));
  say("decrypt a cut document", crypto.decrypt(document->substr(0, document->size() - 1)));
  say("an empty document", crypto.decrypt(*crypto.encrypt("", {"k1", "A256KW"})));
  const std::string large(300'000, 'x');
  const auto back = crypto.decrypt(*crypto.encrypt(large, {"k1", "A256KW", "chacha20-poly1305"}));
  line("a large document", back && *back == large ? "the same" : "another");
  EncryptOptions nameless{"k1", "A256KW"};
  nameless.omit_decryption_key = true;
  const auto anonymous = crypto.encrypt("plain", nameless);
  say("a document without a name", crypto.decrypt(*anonymous));
  say("a document without a name, with the key", crypto.decrypt(*anonymous, {"k1"}));
  say("encrypt without key", crypto.encrypt("x", {"", "A256KW"}));
  say("encrypt without algorithm", crypto.encrypt("x", {"k1", ""}));
  say("encrypt with another algorithm", crypto.encrypt("x", {"k1", "ROT13"}));
  say("encrypt with another cipher", crypto.encrypt("x", {"k1", "A256KW", "rot13"}));
  const auto other = side.client.blocking().crypto("other");
  say("encrypt elsewhere", other.encrypt("x", {"k1", "A256KW"}));
}

void sidecar(const Side& side) {
  const auto client = side.client.blocking();
  say("ready", client.wait_until_ready(10s));
  say("set metadata", client.set_metadata("key", "value"));
  const auto info = client.metadata();
  line("metadata", info->app_id + " " + show(info->has_component("store")) + " " + info->extended.at("key"));
  const auto app = client.app("other");
  say("invoke", app.invoke_raw("echo", "hello", {"POST", "", "text/plain"}));
  say("invoke nothing there", app.invoke_raw("nothing", "x"));
  say("invoke nobody", client.app("nobody").invoke_raw("x", "x"));
}

void all(const Side& side) {
  state_writes(side);
  state_many(side);
  publishing(side);
  streams(side);
  stores(side);
  configuration(side);
  crypto(side);
  sidecar(side);
  edges(side);
}

int on_fake() {
  FakeOptions options;
  options.any_component = false;
  Fake fake(options);
  for (const auto& [name, type] : std::vector<std::pair<std::string, std::string>>{
           {"store", "state.in-memory"},
           {"bus", "pubsub.in-memory"},
           {"vault", "secretstores.local.file"},
           {"locks", "lock.redis"},
           {"conf", "configuration.redis"},
           {"setter", "bindings.redis"},
           {"crypto", "crypto.dapr.jwks"},
       })
    fake.add_component({name, type, "v1", {}});
  fake.set_secret("vault", "password", "secret");
  fake.set_secret("vault", "user", "me");
  fake.add_key("crypto", "k1");
  fake.add_key("crypto", "k2");
  fake.on_invoke("other", "echo", [](InvokeRequest request) {
    return ready(Result<InvokeResponse>(InvokeResponse{request.data, request.content_type, {}, 200}));
  });
  all({fake.client(), [&](std::string key, std::string value) {
         fake.set_configuration("conf", std::move(key), std::move(value));
       }});
  return 0;
}

int on_sidecar() {
  auto client = Client::connect();
  if (!client) return std::cerr << client.error().to_string() << "\n", 1;
  const auto setter = client->blocking().binding("setter");
  all({*client, [&](std::string key, std::string value) {
         auto set = setter.invoke("create", value, {{"key", key}});
         if (!set) say("configure", set);
       }});
  return 0;
}

}  // namespace
}  // namespace mecha::testing

int main(int count, char** words) {
  if (count == 2 && std::string(words[1]) == "fake") return mecha::testing::on_fake();
  if (count == 2 && std::string(words[1]) == "sidecar") return mecha::testing::on_sidecar();
  return std::cerr << "conform fake|sidecar\n", 2;
}
