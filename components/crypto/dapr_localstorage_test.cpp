// crypto.dapr.localstorage: the contract of providers, then how files become keys.

#include <filesystem>
#include <fstream>

#include "runtime/base/text.hpp"
#include "tests/conformance/crypto_suite.hpp"

namespace mecha::crypto {
void register_dapr_localstorage(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::crypto;

namespace {

class Folder {
 public:
  Folder() : path_(std::filesystem::temp_directory_path() / ("mecha-keys-" + text::uuid())) {
    std::filesystem::create_directories(path_ / "inner");
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }
  void put(const std::string& name, std::string_view bytes) const { std::ofstream(path_ / name, std::ios::binary) << bytes; }

 private:
  std::filesystem::path path_;
};

constexpr auto kType = "crypto.dapr.localstorage";

}  // namespace

TEST_CASE("crypto.dapr.localstorage keeps the contract of providers", "[crypto][localstorage]") {
  const Folder folder;
  folder.put("octets", conformance::kOctets);
  folder.put("inner/rsa.pem", conformance::kRsaPem);
  folder.put("ec.PEM", conformance::kEcPem);
  conformance::CryptoStage stage(register_dapr_localstorage);
  const auto provider = stage.start(kType, {{.name = "path", .value = folder.path()}});
  REQUIRE(provider);
  conformance::crypto_provider(stage, **provider, {.octets = "octets", .rsa = "inner/rsa.pem", .ec = "ec.PEM"});
}

TEST_CASE("a key file is read at every use and stays below its folder", "[crypto][localstorage]") {
  const Folder folder;
  conformance::CryptoStage stage(register_dapr_localstorage);
  const auto provider = stage.start(kType, {{.name = "path", .value = folder.path()}});
  REQUIRE(provider);
  const auto outcome = [&](std::string key) {
    const auto done = stage.run((*provider)->wrap_key({.algorithm = "A256KW", .key = std::move(key), .data = std::string(32, 'k')}));
    return done ? std::string("done") : done.error().message;
  };
  const std::string prefix = "failed to retrieve the key encryption key: ";
  CHECK(outcome("k").starts_with(prefix + "failed to load key 'k': open "));
  folder.put("k", conformance::kOctets);
  CHECK(outcome("k") == "done");
  folder.put("k", "");
  CHECK(outcome("k") == prefix + "failed to parse key from secret: key is empty");
  CHECK(outcome("../k") == prefix + "invalid key path: cannot contain '..'");
  CHECK(outcome("inner") == prefix + "failed to load key 'inner': read " + folder.path() + "/inner: is a directory");
  CHECK(outcome("none") == prefix + "failed to load key 'none': open " + folder.path() + "/none: no such file or directory");
  folder.put("k", std::string((1 << 20) + 1, 'k'));
  CHECK(outcome("k") == prefix + "failed to load key 'k': read " + folder.path() + "/k: it has more than 1048576 bytes");
}

TEST_CASE("the folder must be there at start", "[crypto][localstorage]") {
  conformance::CryptoStage stage(register_dapr_localstorage);
  const auto failure = [&](std::vector<NameValue> metadata) {
    const auto provider = stage.start(kType, std::move(metadata));
    return provider ? std::string("started") : provider.error().message;
  };
  CHECK(failure({}) == "failed to load metadata: metadata property 'path' is required");
  CHECK(failure({{.name = "path", .value = "/no/folder"}}).starts_with("failed to load metadata: could not stat path '/no/folder': "));
  CHECK(failure({{.name = "path", .value = "/proc/self/stat"}}) == "failed to load metadata: path '/proc/self/stat' is not a directory");
}
