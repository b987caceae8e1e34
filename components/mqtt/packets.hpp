// Bytes of MQTT 3.1.1: packets and topic filters. No I/O.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.hpp"

namespace mecha::mqtt {

enum class PacketType : std::uint8_t {
  connect = 1, connack = 2, publish = 3, puback = 4, pubrec = 5, pubrel = 6, pubcomp = 7, subscribe = 8, suback = 9,
  unsubscribe = 10, unsuback = 11, pingreq = 12, pingresp = 13, disconnect = 14
};

struct Packet {
  PacketType type = PacketType::pingreq;
  std::uint8_t flags = 0;
  std::string body;
};

struct ConnectPacket {
  std::string client_id;
  bool clean_session = false;
  std::uint16_t keep_alive_s = 0;
  std::optional<std::string> username, password;
};

struct PublishPacket {
  std::string topic, payload;
  std::uint8_t qos = 0;
  bool retain = false, duplicate = false;
  std::uint16_t id = 0;  // where qos is not 0
};

std::string write_connect(const ConnectPacket& connect);
std::string write_publish(const PublishPacket& publish);
// An acknowledgement of any kind, or a packet without a body (id 0).
std::string write_short(PacketType type, std::uint16_t id);
std::string write_subscribe(std::uint16_t id, std::string_view filter, std::uint8_t qos);
std::string write_unsubscribe(std::uint16_t id, std::string_view filter);

Result<PublishPacket> read_publish(const Packet& packet);
// The first two bytes of the body; 0 if there are none.
std::uint16_t packet_id(const Packet& packet);

// Cuts a stream into packets.
class PacketReader {
 public:
  void feed(std::string_view bytes) { bytes_ += bytes; }
  // Empty: more bytes are needed.
  Result<std::optional<Packet>> next();

 private:
  std::string bytes_;
  std::size_t at_ = 0;
};

// Whether a filter (with + and #, or behind $share/<group>/) takes a topic.
bool filter_matches(std::string_view filter, std::string_view topic);

}  // namespace mecha::mqtt
