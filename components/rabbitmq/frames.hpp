// Bytes of AMQP 0-9-1: frames and the fields inside of them. No I/O.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::rabbitmq {

// A method by its class and number.
constexpr std::uint32_t method(std::uint16_t of_class, std::uint16_t number) {
  return static_cast<std::uint32_t>(of_class) << 16 | number;
}

enum class Method : std::uint32_t {
  connection_start = method(10, 10),
  connection_start_ok = method(10, 11),
  connection_tune = method(10, 30),
  connection_tune_ok = method(10, 31),
  connection_open = method(10, 40),
  connection_open_ok = method(10, 41),
  connection_close = method(10, 50),
  connection_close_ok = method(10, 51),
  connection_blocked = method(10, 60),
  connection_unblocked = method(10, 61),
  channel_open = method(20, 10),
  channel_open_ok = method(20, 11),
  channel_flow = method(20, 20),
  channel_flow_ok = method(20, 21),
  channel_close = method(20, 40),
  channel_close_ok = method(20, 41),
  exchange_declare = method(40, 10),
  exchange_declare_ok = method(40, 11),
  queue_declare = method(50, 10),
  queue_declare_ok = method(50, 11),
  queue_bind = method(50, 20),
  queue_bind_ok = method(50, 21),
  basic_qos = method(60, 10),
  basic_qos_ok = method(60, 11),
  basic_consume = method(60, 20),
  basic_consume_ok = method(60, 21),
  basic_cancel = method(60, 30),
  basic_cancel_ok = method(60, 31),
  basic_publish = method(60, 40),
  basic_deliver = method(60, 60),
  basic_ack = method(60, 80),
  basic_nack = method(60, 120),
  confirm_select = method(85, 10),
  confirm_select_ok = method(85, 11),
};

struct Value;
using Table = std::map<std::string, Value, std::less<>>;
struct Value {
  std::variant<std::string, std::int64_t, bool, Table> is;
};

// What a message says of itself, as far as the components use it.
struct Properties {
  std::optional<std::string> content_type, correlation_id, expiration, message_id, type;
  std::optional<std::uint8_t> delivery_mode, priority;
  std::map<std::string, std::string> headers;  // those that are texts
};

class Writer {
 public:
  Writer() = default;
  explicit Writer(Method method) { u32(static_cast<std::uint32_t>(method)); }

  Writer& u8(std::uint8_t v);
  Writer& u16(std::uint16_t v);
  Writer& u32(std::uint32_t v);
  Writer& u64(std::uint64_t v);
  Writer& short_text(std::string_view text);  // cut at 255 bytes
  Writer& long_text(std::string_view text);
  Writer& table(const Table& table);

  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

// Reads on past the end as zeros and empty texts; ok() says whether all was there.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint8_t u8();
  std::uint16_t u16();
  std::uint32_t u32();
  std::uint64_t u64();
  std::string_view short_text();
  std::string_view long_text();
  // Only the texts of it; other values are passed over.
  std::map<std::string, std::string> texts();
  bool ok() const { return ok_; }

 private:
  std::uint64_t number(std::size_t size);
  std::string_view take(std::size_t size);
  void skip_value(char type);
  std::string_view rest_;
  bool ok_ = true;
};

enum class FrameType : std::uint8_t { method = 1, header = 2, body = 3, heartbeat = 8 };

struct Frame {
  FrameType type = FrameType::method;
  std::uint16_t channel = 0;
  std::string payload;
};

std::string write_frame(FrameType type, std::uint16_t channel, std::string_view payload);
std::string write_method(std::uint16_t channel, const Writer& method);
// basic.publish with its header and body frames, none of them larger than `frame_max`.
std::string write_message(
    std::uint16_t channel, std::string_view exchange, std::string_view routing_key, const Properties& properties,
    std::string_view body, std::size_t frame_max
);

struct ContentHeader {
  std::uint64_t size = 0;
  Properties properties;
};
Result<ContentHeader> read_header(std::string_view payload);

// Cuts a stream into frames. Fails on what is no AMQP and on frames that were not agreed upon.
class FrameReader {
 public:
  explicit FrameReader(std::size_t frame_max) : frame_max_(frame_max) {}
  void limit(std::size_t frame_max) { frame_max_ = frame_max; }
  void feed(std::string_view bytes) { bytes_ += bytes; }
  // Empty: more bytes are needed.
  Result<std::optional<Frame>> next();

 private:
  std::size_t frame_max_;
  std::string bytes_;
  std::size_t at_ = 0;
};

}  // namespace mecha::rabbitmq
