// What our sidecar says of itself in multicast DNS, and what it learns of others (contract 06, section 6.2). No I/O.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "components/nameresolution/dns_message.hpp"
#include "components/nameresolution/resolver.hpp"

namespace mecha::nameresolution {

// The records of one sidecar: instance "<host>:<process>.<app id>.local.".
class MdnsRecords {
 public:
  // Fails if the address is no literal one, or if the id is no DNS name.
  static Result<MdnsRecords> make(const Self& self, std::string host_name, long process);

  const std::string& instance() const { return instance_; }
  dns::Message probe() const;
  dns::Message announcement() const;
  dns::Message goodbye() const;  // the same, with time to live 0

  struct Reply {
    dns::Message message;
    bool unicast = false;  // the asker wishes so
  };
  // The answer to a query, if it asks for us and does not know the answer already.
  std::optional<Reply> answer(const dns::Message& query) const;

 private:
  dns::Record pointer() const;
  std::vector<dns::Record> details(std::uint16_t flush) const;

  std::string app_id_, service_, instance_, host_;
  std::string address_;  // 4 or 16 bytes
  std::uint16_t port_ = 0;
};

struct MdnsEntry {
  std::string address;  // "1.2.3.4:50002", "[fd00::1]:50002"
  bool ip6 = false;
  bool gone = false;    // it said goodbye
};

dns::Message mdns_query(const std::string& app_id);
// The sidecars of `app_id` that a response names: those with a TXT equal to the id and an address in the same packet.
std::vector<MdnsEntry> mdns_entries(const dns::Message& response, const std::string& app_id);

}  // namespace mecha::nameresolution
