// bindings.localstorage: the output contract, the stored form of data, and that the root cannot be
// left.

#include <filesystem>
#include <fstream>
#include <iterator>

#include "components/bindings/rooted_path.hpp"
#include "components/catalog.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"

namespace mecha::bindings {
void register_localstorage(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using conformance::BindingBench;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() : path(fs::temp_directory_path() / ("mecha-files-" + text::uuid())) {
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string operator/(std::string_view name) const { return (path / name).string(); }
  const fs::path path;
};

BindingBench bench(std::string root) {
  return {register_localstorage, "bindings.localstorage", {{"rootPath", std::move(root)}}};
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string stored(BindingBench& files, const Folder& folder, std::string data) {
  CHECK(!files.invoke("create", std::move(data), {{"fileName", "f"}}).error);
  return content(folder / "store/f");
}

}  // namespace

TEST_CASE("bindings.localstorage keeps the output contract", "[bindings][localstorage]") {
  const Folder folder;
  auto files = bench(folder / "store");
  files.start();
  CHECK(files.binding().input() == nullptr);
  conformance::output_binding(
      files,
      {
          .operations = {"create", "get", "list", "delete"},
          .works = {.operation = "create", .data = "x y", .metadata = {{"fileName", "dir/works"}}},
          .place = {{"fileName", "a/b/c.txt"}},
      }
  );
}

TEST_CASE("quotes go, then base64 is decoded", "[bindings][localstorage]") {
  const Folder folder;
  auto files = bench(folder / "store/");
  files.start();
  CHECK(stored(files, folder, R"("hello world")") == "hello world");
  CHECK(stored(files, folder, R"("a \"q\" \u003c\u0026\u003e\n")") == "a \"q\" <&>\n");
  CHECK(stored(files, folder, R"({"a":2})") == R"({"a":2})");
  CHECK(stored(files, folder, R"("aGVsbG8=")") == "hello");
  CHECK(stored(files, folder, "null") == text::from_base64("null"));
  CHECK(stored(files, folder, "\"open") == "\"open");
  CHECK(stored(files, folder, "\"a\" \"b\"") == "\"a\" \"b\"");
  CHECK(stored(files, folder, "").empty());
  CHECK(stored(files, folder, std::string("\0\1\xff", 3)) == std::string("\0\1\xff", 3));
}

TEST_CASE(
    "names are answered relative to the root, without a name it is a UUID",
    "[bindings][localstorage]"
) {
  const Folder folder;
  auto files = bench(folder / "store");
  files.start();
  CHECK(
      files.invoke("create", "x y", {{"fileName", "/a//b/../c"}}).data == R"({"fileName":"a/c"})"
  );
  CHECK(content(folder / "store/a/c") == "x y");
  const auto made = json::parse(files.invoke("create", "x y").data);
  REQUIRE(made);
  const auto name = std::string(made->text("fileName"));
  CHECK(name.size() == 36);
  CHECK(content(folder / ("store/" + name)) == "x y");
}

TEST_CASE("list names the files of all folders below, in order", "[bindings][localstorage]") {
  const Folder folder;
  auto files = bench(folder / "store");
  files.start();
  CHECK(files.invoke("list").data == "null");
  for (const auto* name : {"b", "a/2", "a/1"})
    CHECK(!files.invoke("create", "x y", {{"fileName", name}}).error);
  fs::create_directories(folder / "store/empty");
  fs::create_directory_symlink(folder.path, folder / "store/link");
  json::Array all;
  for (const auto* name : {"a/1", "a/2", "b", "link"})
    all.emplace_back(folder / (std::string("store/") + name));
  CHECK(files.invoke("list").data == json::write(json::Value(all)));
  CHECK(files.invoke("list", {}, {{"fileName", "empty"}}).data == "null");
  const auto none = folder / "store/none";
  CHECK(
      files.refusal("list", {}, {{"fileName", "none"}}) ==
      "error getting stats for path " + none + ": stat " + none + ": no such file or directory"
  );
  CHECK(
      files.refusal("list", {}, {{"fileName", "b"}}) ==
      "unable to list files as the file specified is not a directory: " + folder / "store/b"
  );
}

TEST_CASE("what is not there, not named or not a file is an error", "[bindings][localstorage]") {
  const Folder folder;
  auto files = bench(folder / "store");
  files.start();
  CHECK(
      files.refusal("get", {}, {{"fileName", "d/none"}}) ==
      "file not found: " + folder / "store/d/none"
  );
  const auto none = folder / "store/none";
  CHECK(
      files.refusal("delete", {}, {{"fileName", "none"}}) ==
      "error deleting file " + none + ": remove " + none + ": no such file or directory"
  );
  for (const auto* operation : {"get", "delete"}) {
    CHECK(files.refusal(operation) == "fileName is missing in the request metadata");
    CHECK(
        files.refusal(operation, {}, {{"fileName", "../x/.."}}) ==
        "fileName is missing in the request metadata"
    );
  }
  files.refusal("create", "x y", {{"fileName", ".."}});
  files.refusal("get", {}, {{"fileName", std::string("a\0b", 3)}});
  fs::create_directories(folder / "store/dir/inner");
  const auto dir = folder / "store/dir";
  CHECK(files.refusal("get", {}, {{"fileName", "dir"}}) == "error reading file " + dir + ": read " + dir + ": is a directory");
  CHECK(
      files.refusal("create", "x y", {{"fileName", "dir"}}) ==
      "error creating file " + dir + ": open " + dir + ": is a directory"
  );
  CHECK(
      files.refusal("delete", {}, {{"fileName", "dir"}}) ==
      "error deleting file " + dir + ": remove " + dir + ": directory not empty"
  );
  CHECK(fs::exists(folder / "store/dir/inner"));
}

TEST_CASE("neither names nor links lead out of the root", "[bindings][localstorage]") {
  const Folder folder;
  auto files = bench(folder / "store");
  files.start();
  std::ofstream(folder / "secret") << "secret";
  CHECK(
      files.refusal("get", {}, {{"fileName", "../secret"}}) ==
      "file not found: " + folder / "store/secret"
  );
  CHECK(
      files.refusal("get", {}, {{"fileName", "../../../etc/hostname"}}) ==
      "file not found: " + folder / "store/etc/hostname"
  );
  fs::create_symlink(folder / "secret", folder / "store/absolute");
  fs::create_symlink("../secret", folder / "store/relative");
  fs::create_directory_symlink("..", folder / "store/up");
  fs::create_symlink("loop", folder / "store/loop");
  for (const auto* name : {"absolute", "relative", "up/secret", "up/up/secret"}) {
    INFO(name);
    CHECK(files.refusal(
                   "get", {}, {{"fileName", name}}
    ).starts_with("file not found: " + folder / "store/"));
  }
  CHECK(
      files.refusal("get", {}, {{"fileName", "loop"}}).find("symbolic links") != std::string::npos
  );
  CHECK(!files.invoke("create", "x y", {{"fileName", "up/new"}}).error);
  CHECK(content(folder / "store/new") == "x y");
  CHECK(!fs::exists(folder / "new"));
}

TEST_CASE("folders of the system are no roots, also through links", "[bindings][localstorage]") {
  const Folder folder;
  fs::create_directory_symlink("/proc", folder / "link");
  for (const std::string& root :
       {std::string("/proc"),
        std::string("/proc/self/"),
        std::string("/a/../sys/x"),
        std::string("/boot"),
        std::string("/var/run/secrets/x"),
        folder / "link/self"}) {
    INFO(root);
    CHECK(bench(root).start_error() == "failed to parse metadata: property rootPath points to a disallowed location");
  }
  CHECK(checked_root("/process").value() == "/process");
  CHECK(checked_root("/").value() == "/");
  CHECK(bench("").start_error() == "failed to parse metadata: property rootPath must not be empty");
  std::ofstream(folder / "file") << "x";
  CHECK(bench(folder / "file/x")
            .start_error()
            .starts_with("unable to create directory specified by 'rootPath': "));
}
