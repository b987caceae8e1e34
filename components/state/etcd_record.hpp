// What version 2 of state.etcd keeps under a key: a protobuf message of the value, its time and its time to live
// (contract 02, section 2.8).

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mecha::state {

struct EtcdRecord {
  std::string data;
  std::chrono::system_clock::time_point written;
  std::int64_t ttl = 0;  // seconds; 0: none
};

std::string write_etcd_record(const EtcdRecord& record);
std::optional<EtcdRecord> read_etcd_record(std::string_view bytes);  // empty: no such message

}  // namespace mecha::state
