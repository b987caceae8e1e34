// Server reflection, v1 and v1alpha, over the descriptors of the whole API (api/proto/descriptors).

#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/grpc/method.hpp"

namespace mecha::api {

class Reflection {
 public:
  // `services` are those that the server offers besides reflection itself.
  explicit Reflection(std::vector<std::string> services);

  static bool serves(std::string_view path);
  std::vector<GrpcMethod> methods();
  // One conversation, whatever port it comes in.
  Async<void> answer(net::grpc::ServerCall& call);

 private:
  struct File {
    std::string_view bytes;
    std::vector<std::string_view> imports;
  };
  void read_descriptors();
  void read_file(std::string_view bytes);
  // Fails when it holds no question.
  Result<std::string> respond(std::string_view question, std::set<std::string_view>& sent);
  std::string files_of(std::string_view name, std::set<std::string_view>& sent) const;

  std::vector<std::string> services_;
  std::once_flag read_;  // the first question pays for it
  std::map<std::string_view, File> files_;
  std::map<std::string, std::string_view, std::less<>> symbols_;  // to the name of the file
};

}  // namespace mecha::api
