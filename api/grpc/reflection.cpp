#include "api/grpc/reflection.hpp"

#include <algorithm>

#include "api/proto/descriptors.hpp"
#include "runtime/base/wire.hpp"

namespace mecha::api {
namespace {

constexpr std::string_view kV1 = "grpc.reflection.v1.ServerReflection";
constexpr std::string_view kV1Alpha = "grpc.reflection.v1alpha.ServerReflection";

std::string path_of(std::string_view service) { return "/" + std::string(service) + "/ServerReflectionInfo"; }

std::string not_found(std::string_view what) {
  std::string error, out;
  wire::number(error, 1, static_cast<std::uint64_t>(Code::not_found));
  wire::bytes(error, 2, what);
  wire::bytes_always(out, 7, error);
  return out;
}

// Field 1 of a descriptor is its name.
std::string_view name_of(std::string_view descriptor) {
  for (wire::Reader reader(descriptor); reader.next();) {
    if (reader.field() == 1) return reader.bytes();
  }
  return {};
}

using Symbols = std::map<std::string, std::string_view, std::less<>>;

// Everything inside `descriptor` whose names stand in one of `fields`.
void add_members(Symbols& symbols, std::string_view file, const std::string& scope, std::string_view descriptor, std::uint32_t field) {
  for (wire::Reader reader(descriptor); reader.next();) {
    if (reader.field() == field) symbols[scope + "." + std::string(name_of(reader.bytes()))] = file;
  }
}

std::string joined(const std::string& scope, std::string_view name) {
  return scope.empty() ? std::string(name) : scope + "." + std::string(name);
}

void add_enum(Symbols& symbols, std::string_view file, const std::string& scope, std::string_view descriptor) {
  symbols[joined(scope, name_of(descriptor))] = file;
  // Values of an enumeration live beside it.
  for (wire::Reader reader(descriptor); reader.next();) {
    if (reader.field() == 2) symbols[joined(scope, name_of(reader.bytes()))] = file;
  }
}

void add_message(Symbols& symbols, std::string_view file, const std::string& scope, std::string_view descriptor) {
  const auto name = joined(scope, name_of(descriptor));
  symbols[name] = file;
  add_members(symbols, file, name, descriptor, 2);
  add_members(symbols, file, name, descriptor, 8);  // groups of fields of which one is set
  for (wire::Reader reader(descriptor); reader.next();) {
    if (reader.field() == 3) add_message(symbols, file, name, reader.bytes());
    if (reader.field() == 4) add_enum(symbols, file, name, reader.bytes());
  }
}

}  // namespace

Reflection::Reflection(std::vector<std::string> services) : services_(std::move(services)) {
  services_.emplace_back(kV1);
  services_.emplace_back(kV1Alpha);
  std::ranges::sort(services_);
}

bool Reflection::serves(std::string_view path) { return path == path_of(kV1) || path == path_of(kV1Alpha); }

std::vector<GrpcMethod> Reflection::methods() {
  std::vector<GrpcMethod> methods;
  for (const auto service : {kV1, kV1Alpha}) {
    methods.push_back(
        {.path = path_of(service), .group = "", .handler = [this](GrpcRequest& request) { return answer(request.call); }}
    );
  }
  return methods;
}

void Reflection::read_descriptors() {
  for (wire::Reader set(api_descriptors()); set.next();) {
    if (set.field() == 1) read_file(set.bytes());
  }
}

void Reflection::read_file(std::string_view bytes) {
  const auto name = name_of(bytes);
  auto& file = files_[name];
  file.bytes = bytes;
  std::string scope;
  for (wire::Reader reader(bytes); reader.next();) {
    if (reader.field() == 2) scope = reader.bytes();
    if (reader.field() == 3) file.imports.push_back(reader.bytes());
  }
  for (wire::Reader reader(bytes); reader.next();) {
    if (reader.field() == 4) add_message(symbols_, name, scope, reader.bytes());
    if (reader.field() == 5) add_enum(symbols_, name, scope, reader.bytes());
    if (reader.field() != 6) continue;
    const auto service = joined(scope, name_of(reader.bytes()));
    symbols_[service] = name;
    add_members(symbols_, name, service, reader.bytes(), 2);
  }
}

// The file, and what it imports unless this conversation has had it.
std::string Reflection::files_of(std::string_view name, std::set<std::string_view>& sent) const {
  std::string list, out;
  std::vector<std::string_view> queue{name};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const auto found = files_.find(queue[i]);
    if (found == files_.end() || (!sent.insert(found->first).second && i > 0)) continue;
    wire::bytes_always(list, 1, found->second.bytes);
    queue.insert(queue.end(), found->second.imports.begin(), found->second.imports.end());
  }
  wire::bytes_always(out, 4, list);
  return out;
}

Result<std::string> Reflection::respond(std::string_view question, std::set<std::string_view>& sent) {
  std::uint32_t kind = 0;
  std::string asked, host, out;
  for (wire::Reader reader(question); reader.next();) {
    if (reader.field() == 1) host = reader.bytes();
    if (reader.field() < 3 || reader.field() > 7) continue;
    kind = reader.field();
    asked = reader.bytes();
  }
  if (kind == 0) return fail(Code::invalid_argument, "invalid MessageRequest: <nil>");
  wire::bytes(out, 1, host);
  wire::bytes_always(out, 2, question);
  if (kind == 3) {
    const auto file = files_.find(asked);
    return out + (file == files_.end() ? not_found("file not found: " + asked) : files_of(file->first, sent));
  }
  if (kind == 4) {
    const auto symbol = symbols_.find(asked);
    return out + (symbol == symbols_.end() ? not_found("symbol not found: " + asked) : files_of(symbol->second, sent));
  }
  if (kind == 6 && symbols_.contains(asked)) {
    std::string numbers;
    wire::bytes(numbers, 1, asked);
    wire::bytes_always(out, 5, numbers);
    return out;
  }
  if (kind != 7) return out + not_found("extension not found");
  std::string list;
  for (const auto& service : services_) {
    std::string entry;
    wire::bytes(entry, 1, service);
    wire::bytes_always(list, 1, entry);
  }
  wire::bytes_always(out, 6, list);
  return out;
}

Async<void> Reflection::answer(net::grpc::ServerCall& call) {
  std::call_once(read_, [this] { read_descriptors(); });
  std::set<std::string_view> sent;
  for (;;) {
    MECHA_CO_TRY(const auto question, co_await call.read());
    if (!question) co_return Result<void>{};
    MECHA_CO_TRY(const auto response, respond(*question, sent));
    MECHA_CO_TRY_VOID(co_await call.write(response));
  }
}

}  // namespace mecha::api
