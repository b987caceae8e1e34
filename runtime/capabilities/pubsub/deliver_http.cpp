// Events for HTTP applications (contract 03, 3.3 and 3.5).
#include <map>

#include "runtime/app/metadata_headers.hpp"
#include "runtime/base/json_read.hpp"
#include "runtime/base/text.hpp"
#include "runtime/capabilities/pubsub/sink.hpp"

namespace mecha::pubsub {
namespace {

Error failed_status(std::string message, unsigned status) {
  message.append(". status code returned: ").append(std::to_string(status));
  return {
      .code = code_of_http_status(status), .message = std::move(message), .http_status = status, .outcome = static_cast<int>(status)};
}

// Anything but an object with a text as status is success.
Answer verdict_of(const Outgoing& event, const std::string& body) {
  const auto parsed = json::parse(body);
  if (!parsed) return Answer::success;
  const auto* status = parsed->find_nocase("status");
  if (status == nullptr || !status->is_string()) return Answer::success;
  const auto& word = status->as_string();
  if (word.empty() || word == "SUCCESS") return Answer::success;
  if (word == "RETRY") return Answer::retry;
  if (word == "DROP") return Answer::drop;
  event.refusal = unknown_status(event.envelope, word);
  return Answer::unknown;
}

std::string batch_body(const OutgoingBatch& batch) {
  json::Array entries;
  for (const auto* entry : batch.entries) {
    json::Object item;
    item["entryId"] = entry->entry_id;
    item["event"] = batch.raw ? json::Value(text::base64(entry->event.as_string())) : entry->event;
    item["metadata"] = nullptr;
    if (entry->metadata) {
      json::Object metadata;
      for (const auto& [key, value] : *entry->metadata) metadata[key] = value;
      item["metadata"] = std::move(metadata);
    }
    const auto* otherwise = batch.raw ? "application/octet-stream" : "application/cloudevents+json";
    item["contentType"] = entry->content_type.empty() ? std::string(otherwise) : entry->content_type;
    entries.emplace_back(std::move(item));
  }
  json::Object body;
  body["id"] = batch.id;
  body["type"] = "com.dapr.event.sent.bulk";
  body["topic"] = batch.topic;
  body["pubsubname"] = batch.pubsub;
  body["metadata"] = json::Object{{"pubsubName", batch.pubsub}};
  body["entries"] = std::move(entries);
  return json::write(json::Value(std::move(body)));
}

// By entry id; what is empty or unknown is a retry. Fails for an answer of another shape, which says nothing about any entry.
Result<AnswersById> answers_of(const std::string& body) {
  AnswersById given;
  MECHA_TRY(const auto parsed, json::parse(body));
  if (parsed.is_null()) return given;
  if (!parsed.is_object()) return json::mismatch(parsed, {}, "struct");
  MECHA_TRY(const auto* statuses, json::read_array(parsed, "statuses"));
  if (statuses == nullptr) return given;
  for (const auto& item : statuses->as_array()) {
    if (item.is_null()) continue;
    if (!item.is_object()) return json::mismatch(item, "statuses", "struct");
    std::string id, word;
    MECHA_TRY_VOID(json::read(item, "entryId", id));
    MECHA_TRY_VOID(json::read(item, "status", word));
    given[id] = word == "SUCCESS" ? Answer::success : word == "DROP" ? Answer::drop : Answer::retry;
  }
  return given;
}

std::vector<Answer> batch_verdicts(const OutgoingBatch& batch, const std::string& body) {
  return in_order(batch, answers_of(body).value_or(AnswersById()));
}

class HttpSink final : public Sink {
 public:
  explicit HttpSink(AppChannel& channel) : channel_(channel) {}

  Async<Answer> send(RequestScope& scope, const Outgoing& event) override {
    AppRequest request;
    request.target = request_target(event.path);
    MECHA_CO_TRY_VOID(add_metadata_headers(request.headers, event.metadata));
    request.headers.set("content-type", "application/cloudevents+json");
    request.body = event.body;
    auto answer = co_await channel_.request(scope, std::move(request));
    if (!answer) {
      auto error = std::move(answer).error();
      event.cause = error.message;
      error.message.insert(0, "error returned from app channel while sending pub/sub event to app: retriable error occurred: ");
      co_return fail(std::move(error));
    }
    if (answer->status >= 200 && answer->status <= 299) co_return verdict_of(event, answer->body);
    const auto what = "retriable error returned from app while processing pub/sub event " + id_of(event.envelope);
    const auto body = std::string_view(answer->body).substr(0, 256);
    if (answer->status == 404) {
      event.refusal = "non-" + what + ": " + std::string(body) + ". status code returned: 404";
      co_return Answer::not_found;
    }
    auto error = failed_status(what + ", topic: " + std::string(event.envelope.text("topic")) + ", body: " + std::string(body), answer->status);
    event.cause = error.message;
    error.message.insert(0, "retriable error occurred: ");
    co_return fail(std::move(error));
  }

  Async<std::vector<Answer>> send_batch(RequestScope& scope, const OutgoingBatch& batch) override {
    AppRequest request;
    request.target = request_target(batch.path);
    request.headers.set("content-type", "application/json");
    request.headers.set("pubsubname", batch.pubsub);
    request.body = batch_body(batch);
    auto answer = co_await channel_.request(scope, std::move(request));
    if (!answer) co_return fail(std::move(answer).error());
    if (answer->status == 404) {
      batch.refusal = {"Non-retriable error returned from app while processing bulk pub/sub event. status code returned: 404", true};
      co_return std::vector(batch.entries.size(), Answer::ignored);
    }
    if (answer->status < 200 || answer->status > 299) {
      auto error = failed_status("Retriable error returned from app while processing bulk pub/sub event, topic: " + batch.topic, answer->status);
      error.outcome = -1;  // bulk failures over HTTP carry no status for `matching`
      co_return fail(std::move(error));
    }
    co_return batch_verdicts(batch, answer->body);
  }

 private:
  AppChannel& channel_;
};

}  // namespace

std::unique_ptr<Sink> make_http_sink(AppChannel& channel) { return std::make_unique<HttpSink>(channel); }

}  // namespace mecha::pubsub
