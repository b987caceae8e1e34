// Events for gRPC applications (contract 03, 3.4 and 3.5; messages of 04a, by hand).
#include <bit>
#include <map>

#include "runtime/base/text.hpp"
#include "runtime/base/wire.hpp"
#include "runtime/capabilities/pubsub/envelope.hpp"
#include "runtime/capabilities/pubsub/topic_event.hpp"

namespace mecha::pubsub {
namespace {

constexpr std::string_view kOnTopicEvent = "/dapr.proto.runtime.v1.AppCallback/OnTopicEvent";
constexpr std::string_view kOnBulk = "/dapr.proto.runtime.v1.AppCallback/OnBulkTopicEvent";
constexpr std::string_view kOnBulkAlpha = "/dapr.proto.runtime.v1.AppCallbackAlpha/OnBulkTopicEventAlpha1";

void fixed64(std::string& out, std::uint32_t field, double value) {
  wire::tag(out, field, 1);
  auto bits = std::bit_cast<std::uint64_t>(value);
  for (int i = 0; i < 8; ++i, bits >>= 8) out.push_back(static_cast<char>(bits & 0xff));
}

std::string encode_struct(const json::Object& object);

// google.protobuf.Value; its scalars are a oneof, so defaults are written, too.
std::string encode_value(const json::Value& value) {
  std::string out;
  if (value.is_null()) {
    wire::tag(out, 1, 0);
    wire::varint(out, 0);
  } else if (value.is_number()) {
    fixed64(out, 2, value.as_double());
  } else if (value.is_string()) {
    wire::bytes_always(out, 3, value.as_string());
  } else if (value.is_bool()) {
    wire::tag(out, 4, 0);
    wire::varint(out, value.as_bool() ? 1 : 0);
  } else if (value.is_object()) {
    wire::bytes_always(out, 5, encode_struct(value.as_object()));
  } else {
    std::string list;
    for (const auto& item : value.as_array()) wire::bytes_always(list, 1, encode_value(item));
    wire::bytes_always(out, 6, list);
  }
  return out;
}

std::string encode_struct(const json::Object& object) {
  std::string out;
  for (const auto& [key, value] : object) {
    std::string entry;
    wire::bytes(entry, 1, key);
    wire::bytes_always(entry, 2, encode_value(value));
    wire::bytes_always(out, 1, entry);
  }
  return out;
}

void encode_map(std::string& out, std::uint32_t field, const Metadata& map) {
  for (const auto& [key, value] : map) {
    std::string entry;
    wire::text(entry, 1, key);
    wire::text(entry, 2, value);
    wire::bytes_always(out, field, entry);
  }
}

// Every attribute that has no field of its own.
std::string extensions_of(const json::Value& envelope) {
  if (!envelope.is_object()) return {};
  auto rest = envelope.as_object();
  for (const char* known : {"id", "source", "type", "specversion", "datacontenttype", "data", "data_base64"}) rest.erase(known);
  return encode_struct(rest);
}

constexpr std::string_view kUnexpected = "unexpected data type encountered in envelope";

// `data` as bytes. Empty for null, and for content types that are neither text nor JSON.
Result<std::string> data_of(const json::Value& envelope) {
  if (const auto* binary = envelope.find("data_base64"); binary != nullptr && !binary->is_null()) {
    if (!binary->is_string()) return fail(Code::invalid_argument, std::string(kUnexpected));
    auto bytes = text::from_base64(binary->as_string());
    if (!bytes) return fail(Code::invalid_argument, "data_base64 is no base64");
    return *std::move(bytes);
  }
  const auto* data = envelope.find("data");
  if (data == nullptr || data->is_null()) return std::string();
  const auto media = text::media_type(envelope.text("datacontenttype"));
  if (media == "application/json" || media == "application/cloudevents+json") return json::write(*data);
  if (!media.starts_with("text/") && media != "application/xml") return std::string();
  if (!data->is_string()) return fail(Code::invalid_argument, std::string(kUnexpected));
  return data->as_string();
}

void encode_attributes(std::string& out, const json::Value& envelope) {
  wire::bytes(out, 1, envelope.text("id"));
  wire::bytes(out, 2, envelope.text("source"));
  wire::bytes(out, 3, envelope.text("type"));
  wire::bytes(out, 4, envelope.text("specversion"));
  wire::bytes(out, 5, envelope.text("datacontenttype"));
}

net::Headers request_metadata(const Metadata& metadata) {
  net::Headers headers;
  for (const auto& [key, value] : metadata) {
    const auto name = text::lower(key);
    if (name == "content-type" || name == "content-length") continue;
    headers.set(name, name.ends_with("-bin") ? net::grpc::encode_bin(value) : value);
  }
  return headers;
}

std::string text_of(const net::grpc::Status& status) { return Error{.code = status.code, .message = status.message}.as_rpc_text(); }

Error failed_status(std::string message, const net::grpc::Status& status) {
  return {
      .code = status.code,
      .message = message + text_of(status),
      .outcome = static_cast<int>(status.code)};
}

std::uint64_t number_field(std::string_view message, std::uint32_t field) {
  std::uint64_t value = 0;
  for (wire::Reader reader(message); reader.next();) {
    if (reader.field() == field) value = reader.number();
  }
  return value;
}

Result<std::string> encode_entry(const OutgoingEntry& entry, bool raw) {
  std::string item;
  wire::text(item, 1, entry.entry_id);
  if (raw) {
    wire::bytes_always(item, 2, entry.event.as_string());
  } else {
    MECHA_TRY(const auto data, data_of(entry.event));
    std::string event;
    encode_attributes(event, entry.event);
    wire::bytes(event, 6, data);
    wire::bytes(event, 7, extensions_of(entry.event));
    wire::bytes_always(item, 3, event);
  }
  wire::text(item, 4, entry.content_type);
  if (entry.metadata) encode_map(item, 5, *entry.metadata);
  return item;
}

// An entry that cannot be written is left out, so that it fails alone; without any other one there is nothing to send.
std::string encode_batch(const OutgoingBatch& batch) {
  std::string out;
  wire::text(out, 1, batch.id);
  bool some = false;
  for (const auto* entry : batch.entries) {
    const auto item = encode_entry(*entry, batch.raw);
    if (item) wire::bytes_always(out, 2, *item);
    some = some || item.has_value();
  }
  if (!some) return {};
  encode_map(out, 3, {{"pubsubName", batch.pubsub}});
  wire::text(out, 4, batch.topic);
  wire::text(out, 5, batch.pubsub);
  wire::bytes(out, 6, "com.dapr.event.sent.bulk");
  wire::text(out, 7, batch.path);
  return out;
}

std::vector<Answer> batch_answers(const OutgoingBatch& batch, std::string_view message) {
  AnswersById given;
  for (wire::Reader reader(message); reader.next();) {
    if (reader.field() != 1) continue;
    std::string id;
    for (wire::Reader item(reader.bytes()); item.next();) {
      if (item.field() == 1) id = item.text();
    }
    given[id] = topic_answer(number_field(reader.bytes(), 2));
  }
  return in_order(batch, given);
}

class GrpcSink final : public Sink {
 public:
  explicit GrpcSink(AppChannel& channel) : channel_(channel) {}

  Async<Answer> send(RequestScope& scope, const Outgoing& event) override {
    MECHA_CO_TRY(auto message, topic_event(event));
    auto answer = co_await channel_.call(
        scope, std::string(kOnTopicEvent), request_metadata(event.metadata), std::move(message), false
    );
    const auto what = [&event] { return " returned from app while processing pub/sub event " + id_of(event.envelope) + ": "; };
    const auto again = [&what] { return "error" + what() + "retriable error occurred: "; };
    if (!answer) {
      event.cause = answer.error().as_rpc_text();
      auto error = std::move(answer).error();
      error.message = again() + event.cause;
      co_return fail(std::move(error));
    }
    if (answer->status.code == Code::unimplemented) {
      event.refusal = "non-retriable error" + what() + text_of(answer->status);
      co_return Answer::ignored;
    }
    if (!answer->status.ok()) {
      event.cause = text_of(answer->status);
      co_return fail(failed_status(again(), answer->status));
    }
    const auto status = number_field(answer->message, 1);
    const auto verdict = topic_answer(status);
    if (verdict == Answer::unknown) event.refusal = unknown_status(event.envelope, std::to_string(static_cast<std::int32_t>(status)));
    co_return verdict;
  }

  Async<std::vector<Answer>> send_batch(RequestScope& scope, const OutgoingBatch& batch) override {
    auto message = encode_batch(batch);
    if (message.empty()) co_return fail(Code::invalid_argument, std::string(kUnexpected));
    auto answer = co_await call_bulk(scope, std::string(kOnBulk), message, batch.pubsub);
    if (answer && answer->status.code == Code::unimplemented) {
      answer = co_await call_bulk(scope, std::string(kOnBulkAlpha), std::move(message), batch.pubsub);
    }
    if (!answer) co_return fail(std::move(answer).error());
    if (answer->status.code == Code::unimplemented) {
      batch.refusal.text = "non-retriable error returned from app while processing bulk pub/sub event: " + text_of(answer->status);
      co_return std::vector(batch.entries.size(), Answer::ignored);
    }
    if (!answer->status.ok()) co_return fail(failed_status("error returned from app while processing bulk pub/sub event: ", answer->status));
    co_return batch_answers(batch, answer->message);
  }

 private:
  Async<net::grpc::Unary> call_bulk(RequestScope& scope, std::string method, std::string message, std::string pubsub) {
    return channel_.call(
        scope, std::move(method), request_metadata({{"pubsubName", std::move(pubsub)}}), std::move(message), false
    );
  }

  AppChannel& channel_;
};

}  // namespace

Result<std::string> topic_event(const Outgoing& event) {
  std::string message;
  encode_attributes(message, event.envelope);
  wire::text(message, 6, event.topic);
  MECHA_TRY(const auto data, data_of(event.envelope));
  wire::bytes(message, 7, data);
  wire::text(message, 8, event.pubsub);
  wire::text(message, 9, event.path);
  wire::bytes(message, 10, extensions_of(event.envelope));
  return message;
}

Answer topic_answer(std::uint64_t status) {
  if (status == 0) return Answer::success;
  if (status == 1) return Answer::retry;
  return status == 2 ? Answer::drop : Answer::unknown;
}

std::unique_ptr<Sink> make_grpc_sink(AppChannel& channel) { return std::make_unique<GrpcSink>(channel); }

}  // namespace mecha::pubsub
