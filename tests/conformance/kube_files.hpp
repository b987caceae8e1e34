// Files of a Kubernetes account for tests: a folder that goes with them, and kubeconfig texts.

#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "runtime/base/text.hpp"

namespace mecha::conformance {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("mecha-kube-" + text::uuid())) { fs::create_directory(path_); }
  ~Folder() { fs::remove_all(path_); }
  std::string write(const std::string& name, std::string_view text) const {
    std::ofstream(path_ / name) << text;
    return (path_ / name).string();
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

inline std::string config_text(const std::string& server, const std::string& user = "token: kubetoken") {
  return "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
         "clusters:\n- name: k\n  cluster: {server: \"" + server + "\"}\n"
         "users:\n- name: u\n  user:\n    " + user + "\n"
         "contexts:\n- name: c\n  context: {cluster: k, user: u}\n";
}

}  // namespace mecha::conformance
