// The list of calls, what nobody should do: text that cannot be sent, calls that contradict
// themselves.

#include "tests/conform.h"

namespace mecha::testing {
namespace {

void unsendable(const Side& side) {
  const auto store = side.client.blocking().state("store");
  const auto with = [&](const std::string& key, const std::string& value) {
    CallOptions options;
    options.metadata[key] = value;
    say("metadata " + key, store.get<std::string>("absent", {}, options));
  };
  with("X-Upper", "v");
  with("bad key", "v");
  with("", "v");
  with(":path", "v");
  with("grpc-timeout", "1S");
  with("te", "v");
  with("x-line", "a\nb");
  with("x-name", "J\xc3\xbcrgen");
  with("x-bytes-bin", "\xff\n");
  CallOptions twice;
  twice.metadata = {{"x-a", "1"}, {"X-A", "2"}};
  say("metadata twice", store.get<std::string>("absent", {}, twice));

  CallOptions traced;
  traced.trace = std::make_shared<const TraceContext>(TraceContext{
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=J\xc3\xbcrgen", "user=J\xc3\xbcrgen"
  });
  say("a trace that cannot be sent", store.get<std::string>("absent", {}, traced));

  const std::string broken = "\xff\xfe";
  say("a key that is not UTF-8", store.save(broken, "x"));
  say("a store that is not UTF-8", side.client.blocking().state(broken).get<std::string>("a"));
  say("a transaction that is not UTF-8", store.transact({upsert("good", "x"), erase(broken)}));
  say("a value that is not UTF-8", store.save("bytes", broken));
  say("bytes", store.get<std::string>("bytes"));
  say("a topic that is not UTF-8", sync_wait(side.api().subscribe({"bus", broken}, {})->next()));
  say("an item that is not UTF-8",
      sync_wait(side.api().subscribe_configuration({"conf", {broken}}, {})->next()));
  say("a provider that is not UTF-8",
      side.client.blocking().crypto(broken).encrypt("x", {"k1", "A256KW"}));
}

void contradictions(const Side& side) {
  auto& api = side.api();
  const auto store = side.client.blocking().state("store");
  say("kept", store.save("kept", "1"));
  say("save an erasure", sync_wait(api.save_state({"store", {erase("kept")}}, {})));
  say("delete an upsert", sync_wait(api.delete_state({"store", {upsert("kept", "2")}}, {})));
  say("delete two at once", sync_wait(api.delete_state({"store", {erase("kept"), erase("a")}}, {})));
  say("delete many upserts", sync_wait(api.delete_bulk_state({"store", {upsert("kept", "2")}}, {})));
  WriteOptions options;
  for (const auto ttl : {std::chrono::milliseconds(0), std::chrono::milliseconds(-1000)}) {
    options.ttl = ttl;
    say("a ttl that is not positive", store.save("kept", "2", options));
    say("transact a ttl that is not positive", store.transact({upsert("kept", "2", options)}));
    say("publish a ttl that is not positive",
        side.client.blocking().pubsub("bus").publish("nobody", "x", {.ttl = ttl}));
  }
  say("kept still", store.get<std::string>("kept"));
}

void subtle(const Side& side) {
  const auto crypto = side.client.blocking().crypto("crypto");
  say("subtle key", crypto.public_key("k1"));
  say("subtle sign", crypto.sign("k1", "PS256", "digest"));
  say("subtle verify", crypto.verify("k1", "PS256", "digest", "signature"));
}

// Who read that a key is absent writes only if it still is.
void absent(const Side& side) {
  const auto store = side.client.blocking().state("store");
  WriteOptions unchanged;
  const auto nothing = store.get_versioned<std::string>("first");
  unchanged.etag = nothing->etag;
  say("the first write", store.save("first", "1", unchanged));
  say("a write that was faster elsewhere", store.save("first", "2", unchanged));
  say("many such writes", store.save_bulk({upsert("first", "2", unchanged), upsert("other", "2", unchanged)}));
  say("a transaction with it", store.transact({upsert("more", "2"), upsert("first", "2", unchanged)}));
  say("more", store.get<std::string>("more"));
  say("remove what is absent", store.remove("first", unchanged));
  say("first", store.get<std::string>("first"));
  unchanged.concurrency = Concurrency::last_write;
  say("whatever is there", store.save("first", "3", unchanged));
  say("first again", store.get<std::string>("first"));
}

}  // namespace

void edges(const Side& side) {
  unsendable(side);
  contradictions(side);
  subtle(side);
  absent(side);
  using std::chrono::milliseconds;
  say("wait for ever", side.client.blocking().wait_until_ready(milliseconds::max()));
  CallOptions longest;
  for (const auto limit : {milliseconds::max(), milliseconds(milliseconds::max().count() - 1)}) {
    longest.timeout = limit;
    say("a long limit", side.client.blocking().state("store").get<std::string>("absent", {}, longest));
  }
}

}  // namespace mecha::testing
