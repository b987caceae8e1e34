#include "components/mqtt/packets.hpp"

#include "runtime/base/text.hpp"

namespace mecha::mqtt {
namespace {

constexpr std::size_t kLengthBytesMost = 4;

void put16(std::string& to, std::size_t v) {
  to.push_back(static_cast<char>(v >> 8 & 0xff));
  to.push_back(static_cast<char>(v & 0xff));
}

void put_text(std::string& to, std::string_view text) {
  text = text.substr(0, 65535);
  put16(to, text.size());
  to += text;
}

std::string packet(PacketType type, int flags, std::string_view body) {
  std::string out;
  out.push_back(static_cast<char>(static_cast<int>(type) << 4 | flags));
  auto rest = body.size();
  do {
    const auto low = rest & 0x7f;
    rest >>= 7;
    out.push_back(static_cast<char>(rest > 0 ? low | 0x80 : low));
  } while (rest > 0);
  out += body;
  return out;
}

}  // namespace

std::string write_connect(const ConnectPacket& c) {
  std::string body;
  put_text(body, "MQTT");
  body.push_back(4);
  body.push_back(static_cast<char>((c.clean_session ? 2 : 0) | (c.password ? 0x40 : 0) | (c.username ? 0x80 : 0)));
  put16(body, c.keep_alive_s);
  put_text(body, c.client_id);
  if (c.username) put_text(body, *c.username);
  if (c.password) put_text(body, *c.password);
  return packet(PacketType::connect, 0, body);
}

std::string write_publish(const PublishPacket& p) {
  std::string body;
  put_text(body, p.topic);
  if (p.qos > 0) put16(body, p.id);
  body += p.payload;
  return packet(PacketType::publish, (p.duplicate ? 8 : 0) | p.qos << 1 | (p.retain ? 1 : 0), body);
}

std::string write_short(PacketType type, std::uint16_t id) {
  std::string body;
  if (id != 0) put16(body, id);
  return packet(type, type == PacketType::pubrel ? 2 : 0, body);
}

std::string write_subscribe(std::uint16_t id, std::string_view filter, std::uint8_t qos) {
  std::string body;
  put16(body, id);
  put_text(body, filter);
  body.push_back(static_cast<char>(qos));
  return packet(PacketType::subscribe, 2, body);
}

std::string write_unsubscribe(std::uint16_t id, std::string_view filter) {
  std::string body;
  put16(body, id);
  put_text(body, filter);
  return packet(PacketType::unsubscribe, 2, body);
}

std::uint16_t packet_id(const Packet& p) {
  if (p.body.size() < 2) return 0;
  return static_cast<std::uint16_t>(static_cast<unsigned char>(p.body[0]) << 8 | static_cast<unsigned char>(p.body[1]));
}

Result<PublishPacket> read_publish(const Packet& p) {
  PublishPacket publish;
  publish.qos = p.flags >> 1 & 3;
  publish.retain = (p.flags & 1) != 0;
  publish.duplicate = (p.flags & 8) != 0;
  const std::size_t topic = packet_id(p), id_bytes = publish.qos > 0 ? 2 : 0;
  if (publish.qos > 2 || p.body.size() < 2 + topic + id_bytes) return fail(Code::internal, "a message that is cut short");
  publish.topic = p.body.substr(2, topic);
  if (publish.qos > 0) {
    const auto* id = reinterpret_cast<const unsigned char*>(p.body.data()) + 2 + topic;
    publish.id = static_cast<std::uint16_t>(id[0] << 8 | id[1]);
  }
  publish.payload = p.body.substr(2 + topic + id_bytes);
  return publish;
}

Result<std::optional<Packet>> PacketReader::next() {
  const auto rest = std::string_view(bytes_).substr(at_);
  std::size_t length = 0, head = 1;
  for (;; ++head) {
    if (head > kLengthBytesMost) return fail(Code::internal, "a packet whose length is none");
    if (rest.size() <= head) return std::optional<Packet>();
    const auto byte = static_cast<unsigned char>(rest[head]);
    length |= static_cast<std::size_t>(byte & 0x7f) << (7 * (head - 1));
    if ((byte & 0x80) == 0) break;
  }
  ++head;
  if (rest.size() < head + length) return std::optional<Packet>();
  const auto first = static_cast<unsigned char>(rest[0]);
  Packet packet{static_cast<PacketType>(first >> 4), static_cast<std::uint8_t>(first & 15), std::string(rest.substr(head, length))};
  at_ += head + length;
  if (at_ == bytes_.size() || at_ > 65536) {
    bytes_.erase(0, at_);
    at_ = 0;
  }
  return std::optional<Packet>(std::move(packet));
}

bool filter_matches(std::string_view filter, std::string_view topic) {
  if (filter.starts_with("$share/")) {
    const auto group_end = filter.find('/', 7);
    if (group_end == std::string_view::npos) return false;
    filter.remove_prefix(group_end + 1);
  }
  const auto levels = text::split(filter, '/'), parts = text::split(topic, '/');
  const bool wild = levels[0] == "#" || levels[0] == "+";
  if (wild && topic.starts_with('$')) return false;  // topics of the server itself
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (levels[i] == "#") return true;  // the level above is taken, too
    if (i >= parts.size() || (levels[i] != "+" && levels[i] != parts[i])) return false;
  }
  return levels.size() == parts.size();
}

}  // namespace mecha::mqtt
