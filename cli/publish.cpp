// mecha publish: publishes a message through the sidecar of an application.

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

struct PublishOptions {
  std::string app_id, pubsub, topic, data, file, metadata, socket_dir, form = "table";
};

// An event with its envelope is passed on as it is.
std::string type_of_event(const std::string& body) {
  const auto document = json::parse(body, true);
  if (!document) return "text/plain";
  constexpr std::array kMembers = {"id", "source", "specversion", "type", "data"};
  const bool event = document->is_object() && std::ranges::all_of(kMembers, [&](const char* name) { return document->find(name) != nullptr; });
  return event ? "application/cloudevents+json" : "application/json";
}

Result<std::string> query_of(const std::string& metadata) {
  std::string query;
  if (metadata.empty()) return query;
  const auto document = json::parse(metadata, true);
  if (!document || !document->is_object()) {
    return fail(Code::invalid_argument, "--metadata must be a JSON object of texts, got " + metadata + "\n  remedy: write it like '{\"ttlInSeconds\":\"60\"}'");
  }
  for (const auto& [name, value] : document->as_object()) {
    query += (query.empty() ? "?" : "&") + std::string("metadata.") + text::escape(name) + "=" +
             text::escape(value.is_string() ? value.as_string() : json::write(value));
  }
  return query;
}

int publish(const PublishOptions& options) {
  for (const auto& [flag, value] : {std::pair("--topic", &options.topic), std::pair("--pubsub", &options.pubsub)}) {
    if (value->empty()) return print_failure(options.form, {.code = Code::invalid_argument, .message = std::string(flag) + " is empty\n  remedy: name it; `mecha status` lists the brokers of a sidecar"});
  }
  if (const auto checked = check_sockets(options.socket_dir, options.app_id); !checked) return print_failure(options.form, checked.error());
  auto body = read_body(options.data, options.file);
  if (!body) return print_failure(options.form, body.error());
  const auto query = query_of(options.metadata);
  if (!query) return print_failure(options.form, query.error());
  net::Origin origin;
  if (!options.socket_dir.empty()) {
    origin.unix_path = options.socket_dir + "/dapr-" + options.app_id + "-http.socket";
  } else {
    const auto instance = find_instance(options.app_id);
    if (!instance) return print_failure(options.form, instance.error());
    origin = instance->origin();
  }
  const auto type = type_of_event(*body);
  const auto answer = send_and_wait({
      .origin = std::move(origin),
      .method = "POST",
      .target = "/v1.0/publish/" + text::escape(options.pubsub) + "/" + text::escape(options.topic, "/") + *query,
      .content_type = type,
      .body = *std::move(body),
      .limit = std::chrono::seconds(60),
  });
  if (!answer) return print_failure(options.form, call_failed(options.app_id, 0, {}, &answer.error()));
  if (answer->head.status >= 300) return print_failure(options.form, call_failed(options.app_id, answer->head.status, answer->body, nullptr));
  const json::Value value(json::Object{{"pubsub", options.pubsub}, {"topic", options.topic}, {"contentType", type}});
  return print(options.form, value, "published to " + options.topic + " of " + options.pubsub + "\n");
}

}  // namespace

void add_publish(CLI::App& root, Choice& choice) {
  auto* command = root.add_subcommand("publish", "Publish a message through the sidecar of an application");
  auto options = std::make_shared<PublishOptions>();
  command->add_option("-i,--publish-app-id", options->app_id, "Id of the application whose sidecar publishes")->type_name("ID")->required();
  command->add_option("-p,--pubsub", options->pubsub, "Name of the broker's Component")->type_name("NAME")->required();
  command->add_option("-t,--topic", options->topic, "Topic")->type_name("TOPIC")->required();
  command->add_option("-d,--data", options->data, "The message; JSON with the members of a CloudEvent is sent as one")->type_name("TEXT");
  command->add_option("-f,--data-file", options->file, "File that holds the message, - is standard input")->type_name("FILE");
  command->add_option("-m,--metadata", options->metadata, "Metadata of the request as a JSON object")->type_name("JSON");
  command->add_option("-u,--unix-domain-socket", options->socket_dir, "Folder of the sidecar's Unix sockets")->type_name("DIR");
  add_output(*command, options->form);
  command->callback([options, &choice] { choice.run = [options] { return publish(*options); }; });
}

}  // namespace mecha::cli
