#include "components/rabbitmq/frames.hpp"

#include <algorithm>

namespace mecha::rabbitmq {
namespace {

constexpr std::size_t kFrameOverhead = 8;
constexpr char kFrameEnd = '\xCE';
constexpr std::uint16_t kBasic = 60;

void append(std::string& to, std::uint64_t v, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) to.push_back(static_cast<char>(v >> (8 * i) & 0xff));
}

// Bits of the property flags, in the order in which the properties follow.
enum Flag : std::uint16_t {
  kContentType = 1 << 15,
  kContentEncoding = 1 << 14,
  kHeaders = 1 << 13,
  kDeliveryMode = 1 << 12,
  kPriority = 1 << 11,
  kCorrelationId = 1 << 10,
  kReplyTo = 1 << 9,
  kExpiration = 1 << 8,
  kMessageId = 1 << 7,
  kTimestamp = 1 << 6,
  kType = 1 << 5,
};

std::string header_payload(const Properties& p, std::uint64_t size) {
  Writer values;
  std::uint16_t flags = 0;
  const auto text = [&](Flag flag, const std::optional<std::string>& value) {
    if (!value) return;
    flags |= flag;
    values.short_text(*value);
  };
  text(kContentType, p.content_type);
  if (!p.headers.empty()) {
    flags |= kHeaders;
    Table table;
    for (const auto& [name, value] : p.headers) table[name] = Value{value};
    values.table(table);
  }
  if (p.delivery_mode) flags |= kDeliveryMode, values.u8(*p.delivery_mode);
  if (p.priority) flags |= kPriority, values.u8(*p.priority);
  text(kCorrelationId, p.correlation_id);
  text(kExpiration, p.expiration);
  text(kMessageId, p.message_id);
  text(kType, p.type);
  Writer all;
  all.u16(kBasic).u16(0).u64(size).u16(flags);
  return all.bytes() + values.bytes();
}

}  // namespace

Writer& Writer::u8(std::uint8_t v) {
  append(bytes_, v, 1);
  return *this;
}
Writer& Writer::u16(std::uint16_t v) {
  append(bytes_, v, 2);
  return *this;
}
Writer& Writer::u32(std::uint32_t v) {
  append(bytes_, v, 4);
  return *this;
}
Writer& Writer::u64(std::uint64_t v) {
  append(bytes_, v, 8);
  return *this;
}
Writer& Writer::short_text(std::string_view text) {
  text = text.substr(0, 255);
  u8(static_cast<std::uint8_t>(text.size()));
  bytes_ += text;
  return *this;
}
Writer& Writer::long_text(std::string_view text) {
  u32(static_cast<std::uint32_t>(text.size()));
  bytes_ += text;
  return *this;
}
Writer& Writer::table(const Table& table) {
  Writer inner;
  for (const auto& [name, value] : table) {
    inner.short_text(name);
    if (const auto* text = std::get_if<std::string>(&value.is)) inner.u8('S').long_text(*text);
    else if (const auto* number = std::get_if<std::int64_t>(&value.is)) inner.u8('l').u64(static_cast<std::uint64_t>(*number));
    else if (const auto* flag = std::get_if<bool>(&value.is)) inner.u8('t').u8(*flag ? 1 : 0);
    else inner.u8('F').table(std::get<Table>(value.is));
  }
  return long_text(inner.bytes());
}

std::string_view Reader::take(std::size_t size) {
  if (size > rest_.size()) {
    ok_ = false;
    rest_ = {};
    return {};
  }
  const auto taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

std::uint64_t Reader::number(std::size_t size) {
  std::uint64_t v = 0;
  for (const char c : take(size)) v = v << 8 | static_cast<unsigned char>(c);
  return v;
}

std::uint8_t Reader::u8() { return static_cast<std::uint8_t>(number(1)); }
std::uint16_t Reader::u16() { return static_cast<std::uint16_t>(number(2)); }
std::uint32_t Reader::u32() { return static_cast<std::uint32_t>(number(4)); }
std::uint64_t Reader::u64() { return number(8); }
std::string_view Reader::short_text() { return take(u8()); }
std::string_view Reader::long_text() { return take(u32()); }

std::map<std::string, std::string> Reader::texts() {
  std::map<std::string, std::string> found;
  Reader inner(long_text());
  while (inner.ok_ && !inner.rest_.empty()) {
    std::string name(inner.short_text());
    const char type = static_cast<char>(inner.u8());
    if (type == 'S') found[std::move(name)] = inner.long_text();
    else inner.skip_value(type);
  }
  ok_ = ok_ && inner.ok_;
  return found;
}

void Reader::skip_value(char type) {
  switch (type) {
    case 't': case 'b': case 'B': take(1); return;
    case 's': case 'u': take(2); return;
    case 'I': case 'i': case 'f': take(4); return;
    case 'l': case 'L': case 'd': case 'T': take(8); return;
    case 'D': take(5); return;
    case 'S': case 'x': case 'F': case 'A': (void)long_text(); return;
    case 'V': return;
    default: ok_ = false;
  }
}

std::string write_frame(FrameType type, std::uint16_t channel, std::string_view payload) {
  std::string out;
  out.reserve(payload.size() + kFrameOverhead);
  append(out, static_cast<std::uint8_t>(type), 1);
  append(out, channel, 2);
  append(out, payload.size(), 4);
  out += payload;
  out.push_back(kFrameEnd);
  return out;
}

std::string write_method(std::uint16_t channel, const Writer& method) {
  return write_frame(FrameType::method, channel, method.bytes());
}

std::string write_message(
    std::uint16_t channel, std::string_view exchange, std::string_view routing_key, const Properties& properties,
    std::string_view body, std::size_t frame_max
) {
  Writer publish(Method::basic_publish);
  publish.u16(0).short_text(exchange).short_text(routing_key).u8(0);
  std::string out = write_method(channel, publish);
  out += write_frame(FrameType::header, channel, header_payload(properties, body.size()));
  const auto most = frame_max - kFrameOverhead;
  for (std::size_t at = 0; at < body.size(); at += most) out += write_frame(FrameType::body, channel, body.substr(at, most));
  return out;
}

Result<ContentHeader> read_header(std::string_view payload) {
  Reader r(payload);
  ContentHeader header;
  (void)r.u32();  // class and weight
  header.size = r.u64();
  const auto flags = r.u16();
  auto& p = header.properties;
  const auto text = [&](Flag flag, std::optional<std::string>& value) {
    if ((flags & flag) != 0) value = r.short_text();
  };
  text(kContentType, p.content_type);
  if ((flags & kContentEncoding) != 0) (void)r.short_text();
  if ((flags & kHeaders) != 0) p.headers = r.texts();
  if ((flags & kDeliveryMode) != 0) p.delivery_mode = r.u8();
  if ((flags & kPriority) != 0) p.priority = r.u8();
  text(kCorrelationId, p.correlation_id);
  if ((flags & kReplyTo) != 0) (void)r.short_text();
  text(kExpiration, p.expiration);
  text(kMessageId, p.message_id);
  if ((flags & kTimestamp) != 0) (void)r.u64();
  text(kType, p.type);
  if (!r.ok()) return fail(Code::internal, "a content header that is cut short");
  return header;
}

Result<std::optional<Frame>> FrameReader::next() {
  const auto rest = std::string_view(bytes_).substr(at_);
  if (rest.size() < 7) return std::optional<Frame>();
  if (rest.starts_with("AMQP")) return fail(Code::unavailable, "the server speaks another version of AMQP");
  Reader r(rest.substr(0, 7));
  const auto type = r.u8();
  const auto channel = r.u16();
  const auto size = r.u32();
  if (size + kFrameOverhead > std::max<std::size_t>(frame_max_, 4096)) return fail(Code::internal, "a frame that is too large");
  if (rest.size() < size + kFrameOverhead) return std::optional<Frame>();
  if (rest[size + 7] != kFrameEnd) return fail(Code::internal, "a frame without its end");
  Frame frame{static_cast<FrameType>(type), channel, std::string(rest.substr(7, size))};
  at_ += size + kFrameOverhead;
  if (at_ == bytes_.size() || at_ > 65536) {
    bytes_.erase(0, at_);
    at_ = 0;
  }
  return std::optional<Frame>(std::move(frame));
}

}  // namespace mecha::rabbitmq
