#include "components/pluggable/discovery.hpp"

#include <algorithm>
#include <filesystem>

#include "runtime/async/within.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::pluggable {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kLimit = 5s;
constexpr std::size_t kReflectionMax = 4 << 20;

// ServerReflectionResponse: 6 list_services_response of 1 service of 1 name; 7 error_response of 1 code, 2 message.
Result<std::vector<std::string>> names(std::string_view response) {
  std::vector<std::string> all;
  for (wire::Reader field(response); field.next();) {
    if (field.field() == 7) {
      Error error{.code = Code::unknown};
      for (wire::Reader inner(field.bytes()); inner.next();) {
        if (inner.field() == 1 && inner.number() > 0 && inner.number() <= static_cast<std::uint64_t>(Code::unauthenticated)) error.code = static_cast<Code>(inner.number());
        if (inner.field() == 2) error.message = inner.text();
      }
      return fail(std::move(error));
    }
    if (field.field() != 6) continue;
    for (wire::Reader list(field.bytes()); list.next();) {
      if (list.field() != 1) continue;
      for (wire::Reader service(list.bytes()); service.next();) {
        if (service.field() == 1) all.push_back(service.text());
      }
    }
  }
  return all;
}

Async<std::vector<std::string>> ask(net::Client& client, std::string package) {
  std::string request;
  wire::bytes(request, 7, "*");  // list_services
  MECHA_CO_TRY(
      const auto call,
      co_await net::grpc::open(client, "/" + package + ".ServerReflection/ServerReflectionInfo", {}, kLimit, kReflectionMax)
  );
  auto written = co_await call->write(request);
  if (written) written = co_await call->finish_writing();
  MECHA_CO_TRY(const auto answer, co_await call->read());
  if (answer) co_return names(*answer);
  const auto& status = call->status();
  if (status.ok()) co_return fail(Code::internal, "the reflection service gave no answer");
  co_return fail(status.code, status.message);
}

}  // namespace

Result<std::vector<Remote>> sockets(const std::string& folder, const Log& log, const std::string& only) {
  std::vector<Remote> found;
  std::error_code error;
  if (!fs::exists(folder, error)) return found;
  std::vector<fs::path> paths;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) paths.push_back(it->path());
  if (error) return fail(Code::failed_precondition, "could not list pluggable components unix sockets: open " + folder + ": " + error.message());
  std::ranges::sort(paths);
  for (const auto& path : paths) {
    const auto name = path.stem().string();
    const auto status = fs::status(path, error);
    if (fs::is_directory(status) || (!only.empty() && name != only)) continue;
    if (fs::is_socket(status)) {
      found.push_back({.name = name, .socket = path.string(), .services = {}});
    } else {
      log.warn("could not use socket for file " + path.string());
    }
  }
  return found;
}

Async<std::vector<std::string>> services(Shards& shards, std::string socket) {
  net::ClientOptions options;
  options.http2 = true;
  options.connect_timeout = kLimit;
  net::Client client(shards, net::Origin{.unix_path = socket}, std::move(options));
  auto found = co_await within(kLimit, ask(client, "grpc.reflection.v1alpha"));
  if (!found && found.error().code == Code::unimplemented) found = co_await within(kLimit, ask(client, "grpc.reflection.v1"));
  if (!found) {
    auto error = transport_error(std::move(found).error());
    co_return fail(std::move(error).context("unable to list services"));
  }
  co_return std::move(found);
}

}  // namespace mecha::pluggable
