#include "components/nameresolution/mdns_records.hpp"

#include <algorithm>
#include <array>

#include <boost/asio/ip/address.hpp>

namespace mecha::nameresolution {
namespace {

namespace ip = boost::asio::ip;

constexpr std::uint32_t kServiceTtl = 3200, kHostTtl = 120;
constexpr std::string_view kDomain = ".local.";

std::string bytes_of(const ip::address& address) {
  const auto text = [](const auto& bytes) { return std::string(bytes.begin(), bytes.end()); };
  return address.is_v6() ? text(address.to_v6().to_bytes()) : text(address.to_v4().to_bytes());
}

std::string text_of(const std::string& bytes, std::uint16_t port) {
  if (bytes.size() == 4) {
    ip::address_v4::bytes_type raw;
    std::ranges::copy(bytes, raw.begin());
    return ip::address_v4(raw).to_string() + ":" + std::to_string(port);
  }
  ip::address_v6::bytes_type raw;
  std::ranges::copy(bytes, raw.begin());
  return "[" + ip::address_v6(raw).to_string() + "]:" + std::to_string(port);
}

}  // namespace

Result<MdnsRecords> MdnsRecords::make(const Self& self, std::string host_name, long process) {
  boost::system::error_code error;
  const auto address = ip::make_address(self.host, error);
  if (error) return fail(Code::invalid_argument, "mdns: the host address must be an IP address, got " + self.host);
  MdnsRecords records;
  records.app_id_ = self.app_id;
  records.service_ = self.app_id + std::string(kDomain);
  records.instance_ = host_name + ":" + std::to_string(process) + "." + records.service_;
  records.host_ = std::move(host_name) + std::string(kDomain);
  records.address_ = bytes_of(address);
  records.port_ = self.internal_port;
  MECHA_TRY([[maybe_unused]] const auto fits, dns::write(records.announcement()));
  return records;
}

dns::Record MdnsRecords::pointer() const {
  return {.name = service_, .type = dns::kPtr, .ttl = kServiceTtl, .target = instance_, .texts = {}, .address = {}};
}

std::vector<dns::Record> MdnsRecords::details(std::uint16_t flush) const {
  const auto cls = static_cast<std::uint16_t>(dns::kInternet | flush);
  const auto type = address_.size() == 4 ? dns::kA : dns::kAaaa;
  return {
      {.name = instance_, .type = dns::kSrv, .cls = cls, .ttl = kServiceTtl, .target = host_, .port = port_, .texts = {}, .address = {}},
      {.name = instance_, .type = dns::kTxt, .cls = cls, .ttl = kServiceTtl, .target = {}, .texts = {app_id_}, .address = {}},
      {.name = host_, .type = type, .cls = cls, .ttl = kHostTtl, .target = {}, .texts = {}, .address = address_},
  };
}

dns::Message MdnsRecords::probe() const {
  dns::Message message;
  message.questions.push_back({.name = instance_, .type = dns::kAny});
  auto records = details(0);
  records.pop_back();  // the address is the host's, not ours alone
  message.authorities = std::move(records);
  return message;
}

dns::Message MdnsRecords::announcement() const {
  dns::Message message{.flags = dns::kResponse | dns::kAuthoritative};
  message.answers = {pointer()};
  message.additionals = details(dns::kTopBit);
  return message;
}

dns::Message MdnsRecords::goodbye() const {
  auto message = announcement();
  // The address belongs to the host, which stays.
  message.additionals.pop_back();
  for (auto* section : {&message.answers, &message.additionals}) {
    for (auto& record : *section) record.ttl = 0;
  }
  return message;
}

std::optional<MdnsRecords::Reply> MdnsRecords::answer(const dns::Message& query) const {
  if ((query.flags & dns::kResponse) != 0 || !query.authorities.empty()) return std::nullopt;
  Reply reply{.message = announcement()};
  bool asked = false, all_unicast = true;
  for (const auto& question : query.questions) {
    const bool any = question.type == dns::kAny;
    const bool service = dns::same_name(question.name, service_) && (any || question.type == dns::kPtr);
    const bool direct = dns::same_name(question.name, instance_) &&
                        (any || question.type == dns::kSrv || question.type == dns::kTxt);
    if (!service && !direct) continue;
    asked = true;
    if ((question.cls & dns::kTopBit) == 0) all_unicast = false;
  }
  const bool known = std::ranges::any_of(query.answers, [&](const auto& record) {
    return record.type == dns::kPtr && record.ttl >= kServiceTtl / 2 && dns::same_name(record.target, instance_);
  });
  if (!asked || known) return std::nullopt;
  reply.message.id = query.id;
  reply.unicast = all_unicast;
  return reply;
}

dns::Message mdns_query(const std::string& app_id) {
  dns::Message message;
  message.questions.push_back({.name = app_id + std::string(kDomain), .type = dns::kPtr});
  return message;
}

std::vector<MdnsEntry> mdns_entries(const dns::Message& response, const std::string& app_id) {
  std::vector<MdnsEntry> entries;
  if ((response.flags & dns::kResponse) == 0) return entries;
  std::vector<const dns::Record*> all;
  for (const auto* section : {&response.answers, &response.authorities, &response.additionals}) {
    for (const auto& record : *section) all.push_back(&record);
  }
  const auto service = app_id + std::string(kDomain);
  const auto has_text = [&](const dns::Record& server) {
    return std::ranges::any_of(all, [&](const auto* r) {
      return r->type == dns::kTxt && dns::same_name(r->name, server.name) && std::ranges::find(r->texts, app_id) != r->texts.end();
    });
  };
  for (const auto* pointer : all) {
    if (pointer->type != dns::kPtr || !dns::same_name(pointer->name, service)) continue;
    for (const auto* server : all) {
      if (server->type != dns::kSrv || !dns::same_name(server->name, pointer->target) || !has_text(*server)) continue;
      for (const auto type : {dns::kA, dns::kAaaa}) {
        const auto host = std::ranges::find_if(all, [&](const auto* r) {
          return r->type == type && dns::same_name(r->name, server->target);
        });
        if (host == all.end()) continue;
        entries.push_back({text_of((*host)->address, server->port), type == dns::kAaaa, pointer->ttl == 0});
      }
    }
  }
  return entries;
}

}  // namespace mecha::nameresolution
