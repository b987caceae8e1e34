// mecha invoke: calls a method of an application through its sidecar.

#include <algorithm>

#include <CLI/CLI.hpp>

#include "cli/body.hpp"
#include "cli/command.hpp"
#include "cli/instances.hpp"
#include "cli/output.hpp"
#include "cli/request.hpp"
#include "runtime/base/text.hpp"

namespace mecha::cli {
namespace {

struct InvokeOptions {
  std::string app_id, method, data, file, verb = "POST", socket_dir, content_type, form = "table";
  std::int64_t limit_seconds = 60;
};

Result<void> check_verb(const std::string& verb) {
  static const std::vector<std::string> verbs = {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"};
  const auto upper = text::upper(verb);
  if (std::ranges::find(verbs, upper) != verbs.end()) return {};
  const auto similar = nearest(upper, verbs);
  return fail(Code::invalid_argument, "--verb " + text::quote(verb) + " is no verb of HTTP\n  remedy: " + (similar.empty() ? "one of " + text::join(verbs, ", ") : "did you mean " + similar + "?"));
}

int invoke(const InvokeOptions& options) {
  if (const auto checked = check_verb(options.verb); !checked) return print_failure(options.form, checked.error());
  if (const auto checked = check_sockets(options.socket_dir, options.app_id); !checked) return print_failure(options.form, checked.error());
  auto body = read_body(options.data, options.file);
  if (!body) return print_failure(options.form, body.error());
  net::Origin origin;
  if (!options.socket_dir.empty()) {
    origin.unix_path = options.socket_dir + "/dapr-" + options.app_id + "-http.socket";
  } else {
    const auto instance = find_instance(options.app_id);
    if (!instance) return print_failure(options.form, instance.error());
    origin = instance->origin();
  }
  auto method = options.method;
  while (method.starts_with("/")) method.erase(0, 1);
  const auto type = !options.content_type.empty() ? options.content_type : body->empty() ? "" : type_of_body(*body);
  const auto answer = send_and_wait({
      .origin = std::move(origin),
      .method = text::upper(options.verb),
      .target = "/v1.0/invoke/" + text::escape(options.app_id) + "/method/" + method,
      .content_type = type,
      .body = *std::move(body),
      .limit = std::chrono::seconds(options.limit_seconds),
  });
  if (!answer) return print_failure(options.form, call_failed(options.app_id, 0, {}, &answer.error()));
  const auto status = answer->head.status;
  if (status < 200 || status >= 400) return print_failure(options.form, call_failed(options.app_id, status, answer->body, nullptr));
  json::Object headers;
  for (const auto& field : answer->head.headers) headers[std::string(field.name)] = field.value;
  auto document = json::parse(answer->body, true);
  const json::Value value(json::Object{
      {"status", static_cast<std::int64_t>(status)}, {"headers", std::move(headers)}, {"body", document ? *std::move(document) : json::Value(text::sanitize_utf8(answer->body))}
  });
  return print(options.form, value, answer->body + (answer->body.empty() || answer->body.ends_with('\n') ? "" : "\n"));
}

}  // namespace

void add_invoke(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("invoke", "Call a method of an application that runs on this host");
  auto options = std::make_shared<InvokeOptions>();
  command->add_option("-a,--app-id", options->app_id, "Id of the application")->type_name("ID")->required();
  command->add_option("-m,--method", options->method, "Method, the path that the application serves")->type_name("METHOD")->required();
  command->add_option("-d,--data", options->data, "The body")->type_name("TEXT");
  command->add_option("-f,--data-file", options->file, "File that holds the body, - is standard input")->type_name("FILE");
  command->add_option("-v,--verb", options->verb, "HTTP verb")->type_name("VERB")->capture_default_str();
  command->add_option("--content-type", options->content_type, "Type of the body; found by its look if left out")->type_name("TYPE");
  command->add_option("-u,--unix-domain-socket", options->socket_dir, "Folder of the sidecar's Unix sockets")->type_name("DIR");
  command->add_option("--timeout", options->limit_seconds, "Seconds to wait for the answer")->capture_default_str()->check(CLI::Range(1, 86400));
  add_output(*command, options->form);
  command->callback([options, &choice] { choice.run = [options] { return invoke(*options); }; });
}

}  // namespace mecha::cli
