// Sink: the way of an event into an application, one per protocol (contract 03, 3.3 to 3.5). Knows requests and verdicts; not
// brokers, policies or dead letters. Stateless: any shard.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "components/pubsub/pubsub.hpp"
#include "runtime/app/app_channel.hpp"
#include "runtime/base/json.hpp"
#include "runtime/telemetry/request_scope.hpp"

namespace mecha::pubsub {

// not_found: HTTP 404, treated as a drop. ignored: the application does not serve such events at all; done, without a dead
// letter. unknown: a status that does not exist; tried again.
enum class Answer : std::uint8_t { success, retry, drop, not_found, ignored, unknown };

// What is sent; all of it outlives the call.
struct Outgoing {
  const json::Value& envelope;
  const std::string& body;     // of HTTP requests
  const Metadata& metadata;    // of the message, with pubsubName
  const std::string& pubsub;
  const std::string& topic;    // as the subscription names it
  const std::string& path;     // as the application wrote it
  std::string& refusal;        // for the log: what an answer not_found, ignored or unknown said
  std::string& cause;          // for the log: the error of the application alone, when send() fails for one
};

struct OutgoingEntry {
  std::string entry_id;
  json::Value event;           // the CloudEvent; of raw subscriptions the payload as a string of bytes
  std::string content_type;    // empty: not stated by the broker
  std::optional<Metadata> metadata;
};

// What the log says of a batch that the application does not serve: as a warning, or as an error.
struct Refusal {
  std::string text;
  bool is_error = false;
};

struct OutgoingBatch {
  std::string id;
  const std::vector<const OutgoingEntry*>& entries;
  const std::string& pubsub;
  const std::string& topic;
  const std::string& path;
  bool raw = false;
  Refusal& refusal;            // of answers that are `ignored`
};

// One answer per entry, in order, from what the application said by entry id; an entry it left out is tried again.
using AnswersById = std::map<std::string, Answer, std::less<>>;
inline std::vector<Answer> in_order(const OutgoingBatch& batch, const AnswersById& given) {
  std::vector<Answer> answers;
  for (const auto* entry : batch.entries) {
    const auto found = given.find(entry->entry_id);
    answers.push_back(found == given.end() ? Answer::retry : found->second);
  }
  return answers;
}

// The id of an event as messages name it.
inline std::string id_of(const json::Value& envelope) {
  const auto* id = envelope.find("id");
  if (id == nullptr || id->is_null()) return "<nil>";
  return id->is_string() ? id->as_string() : json::write(*id);
}

// What an answer with a status that does not exist says.
inline std::string unknown_status(const json::Value& envelope, const std::string& status) {
  return "unknown status returned from app while processing pub/sub event " + id_of(envelope) + ", status: " + status + ", err: retriable error occurred";
}

class Sink {
 public:
  virtual ~Sink() = default;
  // An Error is a failure that is tried again; its outcome is the status of the application, if there was one.
  virtual Async<Answer> send(RequestScope& scope, const Outgoing& event) = 0;
  // One answer per entry, in order; what the application did not answer is `retry`.
  virtual Async<std::vector<Answer>> send_batch(RequestScope& scope, const OutgoingBatch& batch) = 0;
};

std::unique_ptr<Sink> make_http_sink(AppChannel& channel);
std::unique_ptr<Sink> make_grpc_sink(AppChannel& channel);

}  // namespace mecha::pubsub
