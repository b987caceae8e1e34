// Finding sockets, and asking them what they serve.

#include "components/pluggable/discovery.hpp"

#include <filesystem>
#include <fstream>

#include "components/pluggable/bench.hpp"
#include "runtime/base/wire.hpp"

using namespace mecha;
using namespace mecha::pluggable;
using pluggable::testing::Bench;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() : path(fs::temp_directory_path() / ("mecha-sockets-" + std::to_string(::getpid()))) { fs::create_directory(path); }
  ~Folder() { fs::remove_all(path); }
  net::Listener socket(const std::string& name) { return net::Listener::unix_socket((path / name).string()).value(); }
  fs::path path;
};

std::string listing(const std::vector<std::string>& names) {
  std::string list, out;
  for (const auto& name : names) {
    std::string service;
    wire::bytes(service, 1, name);
    wire::bytes(list, 1, service);
  }
  wire::bytes(out, 6, list);
  return out;
}

constexpr auto kAlpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
constexpr auto kStable = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

}  // namespace

TEST_CASE("a type is named by its socket without the last extension, in order", "[pluggable][discovery]") {
  Folder folder;
  const auto b = folder.socket("my.store.sock"), a = folder.socket("a");
  fs::create_directory(folder.path / "sub");
  std::ofstream(folder.path / "file.sock") << "x";
  std::vector<std::string> lines;
  const auto found = sockets(folder.path.string(), Log(make_memory_sink(lines), "d"));
  REQUIRE(found);
  REQUIRE(found->size() == 2);
  CHECK(found->at(0).name == "a");
  CHECK(found->at(1).name == "my.store");
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("could not use socket for file " + (folder.path / "file.sock").string()) != std::string::npos);
  CHECK(sockets(folder.path.string(), Log(), "my.store").value().size() == 1);
  CHECK(sockets((folder.path / "none").string(), Log()).value().empty());
}

TEST_CASE("services come from reflection, v1 where there is no v1alpha", "[pluggable][discovery]") {
  Bench bench;
  bench.up();
  bench.script.replies[kAlpha] = listing({"dapr.proto.components.v1.StateStore", "other"});
  CHECK(bench.run(services(bench.shards, bench.path)).value() == std::vector<std::string>{"dapr.proto.components.v1.StateStore", "other"});

  bench.script.statuses[kAlpha] = {.code = Code::unimplemented, .message = "none", .details = {}};
  bench.script.replies[kStable] = listing({"one"});
  CHECK(bench.run(services(bench.shards, bench.path)).value() == std::vector<std::string>{"one"});

  bench.script.statuses[kStable] = {.code = Code::permission_denied, .message = "no", .details = {}};
  CHECK(bench.run(services(bench.shards, bench.path)).error().message == "unable to list services: rpc error: code = PermissionDenied desc = no");
}

TEST_CASE("an error of reflection and a dead socket are failures", "[pluggable][discovery]") {
  Bench bench;
  CHECK(bench.run(services(bench.shards, bench.path)).error().code == Code::unavailable);
  bench.up();
  std::string error, out;
  wire::number(error, 1, 5);
  wire::bytes(error, 2, "nothing here");
  wire::bytes(out, 7, error);
  bench.script.replies[kAlpha] = out;
  CHECK(bench.run(services(bench.shards, bench.path)).error().message == "unable to list services: rpc error: code = NotFound desc = nothing here");
}

TEST_CASE("a remote serves by the name behind the package", "[pluggable][discovery]") {
  const Remote remote{.name = "x", .socket = "/s", .services = {"dapr.proto.components.v1.StateStore", "other.PubSub"}};
  CHECK(remote.serves("StateStore"));
  CHECK(!remote.serves("PubSub"));
}
