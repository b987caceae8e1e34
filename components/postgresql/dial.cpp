#include "components/postgresql/dial.hpp"

#include <cstdlib>

#include "runtime/base/text.hpp"
#include "runtime/net/look_up.hpp"

namespace mecha::postgresql {
namespace {

std::string or_environment(std::string value, const char* name) {
  const char* set = value.empty() ? std::getenv(name) : nullptr;
  return set == nullptr ? std::move(value) : std::string(set);
}

// The list's element, or its only one.
std::string element(const std::vector<std::string_view>& list, std::size_t index) {
  if (list.size() == 1) return std::string(list.front());
  return index < list.size() ? std::string(list[index]) : std::string();
}

struct Target {
  std::string host, address, port;
};

Async<std::vector<Target>> targets(Words words, std::chrono::milliseconds limit) {
  const auto host_text = or_environment(words.get("host"), "PGHOST");
  const auto address_text = or_environment(words.get("hostaddr"), "PGHOSTADDR");
  const auto port_text = or_environment(words.get("port"), "PGPORT");
  const auto hosts = text::split(host_text, ','), addresses = text::split(address_text, ','), ports = text::split(port_text, ',');
  const auto count = std::max(hosts.size(), addresses.size());
  const bool paired = host_text.empty() || address_text.empty() || hosts.size() == addresses.size();
  if (!paired || (ports.size() != 1 && ports.size() != count)) {
    co_return fail(Code::invalid_argument, "invalid connectionString: as many ports and addresses as hosts are needed");
  }
  std::vector<Target> list;
  Error first;
  for (std::size_t i = 0; i < count; ++i) {
    Target target{element(hosts, i), element(addresses, i), element(ports, i)};
    const bool is_path = target.host.empty() || target.host.front() == '/' || target.host.front() == '@';
    if (is_path || !target.address.empty()) {
      list.push_back(std::move(target));
      continue;
    }
    const auto found = co_await net::look_up(target.host, limit);
    if (!found) {
      if (first.message.empty()) first = found.error();
      continue;
    }
    for (const auto& address : *found) list.push_back({target.host, address, target.port});
  }
  if (list.empty()) co_return fail(std::move(first));
  co_return list;
}

}  // namespace

Async<std::vector<Words>> attempts(Words words, std::chrono::milliseconds limit) {
  MECHA_CO_TRY(const auto list, co_await targets(words, limit));
  std::vector<Words> all;
  const auto add = [&](const std::string& attributes) {
    for (const auto& target : list) {
      auto& one = all.emplace_back(words);
      one.set("host", target.host);
      one.set("hostaddr", target.address);
      one.set("port", target.port);
      if (!attributes.empty()) one.set("target_session_attrs", attributes);
    }
  };
  if (words.get("target_session_attrs") == "prefer-standby" && list.size() > 1) {
    add("standby");
    add("any");
  } else {
    add({});
  }
  co_return all;
}

}  // namespace mecha::postgresql
