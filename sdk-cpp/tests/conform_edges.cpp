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

}  // namespace

void edges(const Side& side) { unsendable(side); }

}  // namespace mecha::testing
