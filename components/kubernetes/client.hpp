// Client: reads secrets from the API server of a Kubernetes cluster. Errors are the server's messages; nothing is sent for a
// name that no path can hold. A token that a file holds is read again every minute and when the server refuses it; its
// authority, when the server cannot be believed. Over plain http no token is sent.

#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "components/http/client.hpp"
#include "components/kubernetes/config.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/secret.hpp"

namespace mecha::kubernetes {

class Client {
 public:
  explicit Client(Shards& shards) : shards_(shards) {}

  // `kubeconfig`: see find_kube_config().
  Async<void> start(std::string kubeconfig);

  // Any shard. The objects as the API has them; each request ends within 30 s.
  Async<json::Value> secret(std::string name_space, std::string name);
  Async<json::Value> secrets(std::string name_space);

 private:
  Async<json::Value> ask(std::string path);
  Async<http::HttpAnswer> ask_once(std::string path);
  Async<std::string> authorization();
  Async<std::string> token_of_file();
  // Whether another token, or another authority, is in the file now.
  Async<bool> read_token();
  Async<bool> read_authority();
  Result<void> connect(std::string authority);

  Shards& shards_;
  KubeConfig config_;
  std::mutex mutex_;  // of the rest
  std::shared_ptr<http::HttpClient> client_;
  std::string authority_;
  Secret file_token_;
  std::chrono::steady_clock::time_point read_at_;
};

using Items = std::map<std::string, std::string, std::less<>>;

// The items of a Secret, decoded; one without a value is empty.
Result<Items> secret_items(const json::Value& secret);

}  // namespace mecha::kubernetes
