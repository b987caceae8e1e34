#include "components/kafka/producer.hpp"

#include <array>
#include <memory>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <librdkafka/rdkafka.h>
#include <pthread.h>

namespace mecha::kafka {
namespace {

// A record under way. The report is posted to the shard of its sender, so all but `executor` lives there.
struct Waiting {
  explicit Waiting(const Executor& on) : executor(on), timer(on, asio::steady_timer::time_point::max()) {}
  const Executor executor;
  asio::steady_timer timer;
  bool reported = false;
  int code = 0;
};

void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void*) {
  const std::unique_ptr<std::shared_ptr<Waiting>> owned(static_cast<std::shared_ptr<Waiting>*>(message->_private));
  asio::post((*owned)->executor, [waiting = *owned, code = static_cast<int>(message->err)] {
    waiting->reported = true;
    waiting->code = code;
    waiting->timer.cancel();
  });
}

rd_kafka_headers_t* make_headers(const Outgoing& record) {
  if (record.headers.empty()) return nullptr;
  auto* headers = rd_kafka_headers_new(record.headers.size());
  for (const auto& [name, value] : record.headers) {
    rd_kafka_header_add(
        headers, name.data(), static_cast<ssize_t>(name.size()), value.data(), static_cast<ssize_t>(value.size())
    );
  }
  return headers;
}

// Hands the record to the library, which copies it. On failure the caller still owns `opaque`.
int enqueue(rd_kafka_t* handle, const Outgoing& record, void* opaque) {
  std::array<rd_kafka_vu_t, 7> parts{};
  std::size_t count = 0;
  const auto part = [&parts, &count](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    parts[count].vtype = type;
    return parts[count++];
  };
  part(RD_KAFKA_VTYPE_TOPIC).u.cstr = record.topic.c_str();
  part(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition.value_or(RD_KAFKA_PARTITION_UA);
  part(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
  if (record.value) {
    part(RD_KAFKA_VTYPE_VALUE).u.mem = {const_cast<char*>(record.value->data()), record.value->size()};
  }
  if (record.key) part(RD_KAFKA_VTYPE_KEY).u.mem = {const_cast<char*>(record.key->data()), record.key->size()};
  auto* headers = make_headers(record);
  if (headers != nullptr) part(RD_KAFKA_VTYPE_HEADERS).u.headers = headers;
  part(RD_KAFKA_VTYPE_OPAQUE).u.ptr = opaque;
  auto* error = rd_kafka_produceva(handle, parts.data(), count);
  if (error == nullptr) return RD_KAFKA_RESP_ERR_NO_ERROR;
  const int code = rd_kafka_error_code(error);
  rd_kafka_error_destroy(error);
  if (headers != nullptr) rd_kafka_headers_destroy(headers);
  return code;
}

}  // namespace

Result<std::unique_ptr<Producer>> Producer::make(const Config& config, Log log) {
  auto owner = std::make_unique<Owner>(Owner{std::move(log)});
  MECHA_TRY(auto conf, make_conf(config.common, config.producer, owner.get()));
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_report);
  hear_refusals(conf.get());
  std::array<char, 512> text{};
  Handle handle(rd_kafka_new(RD_KAFKA_PRODUCER, conf.get(), text.data(), text.size()));
  if (handle == nullptr) return fail(Code::invalid_argument, std::string("kafka error: ") + text.data());
  conf.release();  // owned by the handle now
  MECHA_TRY_VOID(reach(handle.get(), *owner));
  return std::unique_ptr<Producer>(new Producer(std::move(owner), std::move(handle)));
}

Producer::Producer(std::unique_ptr<Owner> owner, Handle handle)
    : owner_(std::move(owner)), handle_(std::move(handle)), reports_(rd_kafka_queue_get_main(handle_.get())) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "kafka-producer");
    while (!stopping_) rd_kafka_queue_poll_callback(reports_, 1000);
  });
}

Producer::~Producer() {
  rd_kafka_flush(handle_.get(), 1000);
  rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  stopping_ = true;
  rd_kafka_queue_yield(reports_);
  thread_.join();
  rd_kafka_queue_destroy(reports_);
  rd_kafka_poll(handle_.get(), 0);  // reports of what was purged free what they hold
}

Async<void> Producer::send(Outgoing record) {
  const auto waiting = std::make_shared<Waiting>(co_await asio::this_coro::executor);
  auto opaque = std::make_unique<std::shared_ptr<Waiting>>(waiting);
  const int queued = enqueue(handle_.get(), record, opaque.get());
  if (queued != RD_KAFKA_RESP_ERR_NO_ERROR) co_return fail(error_of(queued));
  opaque.release();  // the report frees it
  co_await waiting->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  if (!waiting->reported) co_return fail(Code::cancelled, "context canceled");
  if (waiting->code != RD_KAFKA_RESP_ERR_NO_ERROR) co_return fail(error_of(waiting->code));
  co_return Result<void>{};
}

}  // namespace mecha::kafka
