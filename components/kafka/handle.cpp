#include "components/kafka/handle.hpp"

#include <array>
#include <chrono>

#include <librdkafka/rdkafka.h>

namespace mecha::kafka {
namespace {

constexpr auto kReachLimit = std::chrono::milliseconds(4500);
constexpr int kReachStepMs = 300;

const Log* log_of(const rd_kafka_t* handle) {
  const auto* owner = static_cast<const Owner*>(rd_kafka_opaque(handle));
  return owner == nullptr ? nullptr : &owner->log;
}

void on_log(const rd_kafka_t* handle, int level, const char* facility, const char* text) {
  const Log* log = handle == nullptr ? nullptr : log_of(handle);
  if (log == nullptr) return;
  if (level <= 4) {
    log->warn("kafka client", {{"facility", facility}, {"text", text}});
  } else {
    log->debug("kafka client", {{"facility", facility}, {"text", text}});
  }
}

}  // namespace

void HandleDeleter::operator()(rd_kafka_s* handle) const { rd_kafka_destroy(handle); }
void ConfDeleter::operator()(rd_kafka_conf_s* conf) const { rd_kafka_conf_destroy(conf); }

Result<Conf> make_conf(
    const std::map<std::string, std::string>& common, const std::map<std::string, std::string>& own, Owner* owner
) {
  Conf conf(rd_kafka_conf_new());
  std::array<char, 512> text{};
  for (const auto* items : {&common, &own}) {
    for (const auto& [name, value] : *items) {
      const auto set = rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), text.data(), text.size());
      if (set != RD_KAFKA_CONF_OK) return fail(Code::invalid_argument, std::string("kafka error: ") + text.data());
    }
  }
  rd_kafka_conf_set_opaque(conf.get(), owner);
  rd_kafka_conf_set_log_cb(conf.get(), on_log);
  return conf;
}

void hear_refusals(rd_kafka_conf_s* conf) {
  rd_kafka_conf_set_error_cb(conf, [](rd_kafka_t*, int code, const char* reason, void* opaque) {
    auto* owner = static_cast<Owner*>(opaque);
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL) {
      owner->refusal = reason;  // the library's own log has it already
      return;
    }
    owner->log.warn("kafka client", {{"facility", "ERROR"}, {"text", reason}});
  });
}

Result<void> reach(rd_kafka_s* handle, Owner& owner) {
  int code = RD_KAFKA_RESP_ERR__TIMED_OUT;
  const auto end = std::chrono::steady_clock::now() + kReachLimit;
  while (owner.refusal.empty() && std::chrono::steady_clock::now() < end) {
    const rd_kafka_metadata_t* metadata = nullptr;
    code = rd_kafka_metadata(handle, 0, nullptr, &metadata, kReachStepMs);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
      rd_kafka_metadata_destroy(metadata);
      return {};
    }
    rd_kafka_poll(handle, 0);  // refusals
  }
  const auto why = owner.refusal.empty() ? std::string(rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code))) : owner.refusal;
  return fail(Code::unavailable, "kafka: client has run out of available brokers to talk to: " + why);
}

Error error_of(int code, std::string_view what) {
  const auto kind = static_cast<rd_kafka_resp_err_t>(code);
  Error error;
  switch (kind) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR__FATAL: error.code = Code::failed_precondition; break;
    default: error.code = Code::unavailable;
  }
  error.message = what.empty() ? rd_kafka_err2str(kind) : std::string(what) + ": " + rd_kafka_err2str(kind);
  return error;
}

}  // namespace mecha::kafka
