#include "cli/body.hpp"

#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/read_all.hpp"
#include "cli/remedy.hpp"
#include "runtime/base/json.hpp"

namespace mecha::cli {

Result<std::string> read_body(const std::string& data, const std::string& file) {
  if (file.empty()) return data;
  if (!data.empty()) return fail(Code::invalid_argument, "--data and --data-file are both there\n  remedy: give the body with one of them");
  if (file == "-") return read_all(std::cin);
  std::ifstream in(file, std::ios::binary);
  if (!in || std::filesystem::is_directory(file)) return fail(Code::not_found, "the file " + file + " of --data-file cannot be read");
  return read_all(in);
}

Result<void> check_sockets(const std::string& folder, const std::string& app_id) {
  std::error_code error;
  if (folder.empty()) return {};
  if (!std::filesystem::is_directory(folder, error)) {
    return fail(Code::not_found, "the folder " + folder + " of --unix-domain-socket does not exist\n  remedy: name the folder that the sidecar was started with, or leave the flag out");
  }
  const auto socket = folder + "/dapr-" + app_id + "-http.socket";
  if (std::filesystem::exists(socket, error)) return {};
  return fail(Code::not_found, "there is no socket " + socket + "\n  remedy: is the sidecar of " + app_id + " up, with --unix-domain-socket " + folder + "? `mecha list` shows those that run");
}

std::string type_of_body(const std::string& body) {
  return json::parse(body, true) ? "application/json" : "text/plain; charset=utf-8";
}

Error call_failed(const std::string& app_id, unsigned status, const std::string& answer, const Error* broken) {
  if (broken != nullptr) {
    return {.code = broken->code, .message = with_remedy("the sidecar of " + app_id + " does not answer: " + broken->message)};
  }
  std::string text = answer;
  if (const auto document = json::parse(answer, true); document && document->is_object() && !document->text("message").empty()) {
    text = std::string(document->text("errorCode")) + ": " + std::string(document->text("message"));
  }
  return {.code = code_of_http_status(status), .message = with_remedy("status " + std::to_string(status) + (text.empty() ? "" : ": " + text))};
}

}  // namespace mecha::cli
