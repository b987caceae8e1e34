#include "components/nameresolution/consul_settings.hpp"

#include <array>
#include <span>

namespace mecha::nameresolution {
namespace {

std::unexpected<Error> wrong(std::string text) { return fail(Code::invalid_argument, std::move(text)); }

std::string text_of(const json::Value* value) {
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string()) return value->as_string();
  return value->is_number() ? value->number_text() : json::write(*value);
}

std::string text_of(const json::Value& object, std::string_view key) { return text_of(object.find_nocase(key)); }

bool flag(const json::Value& object, std::string_view key, bool otherwise = false) {
  const auto text = text_of(object, key);
  return text.empty() ? otherwise : text::truthy(text);
}

// The member if it is an object; an empty one if it is absent.
Result<const json::Value*> object_of(const json::Value& object, std::string_view key) {
  static const json::Value none{json::Object{}};
  const auto* value = object.find_nocase(key);
  if (value == nullptr || value->is_null()) return &none;
  if (!value->is_object()) return wrong("consul: " + std::string(key) + " must be an object");
  return value;
}

Result<void> only(const json::Value& object, std::string_view where, std::span<const std::string_view> names) {
  if (!object.is_object()) return {};
  for (const auto& [key, value] : object.as_object()) {
    bool known = false;
    for (const auto name : names) known = known || text::equals_nocase(key, name);
    if (!known) return wrong("consul: " + std::string(where) + key + " is not in this build");
  }
  return {};
}

Result<void> read_client(const json::Value& configuration, ConsulSettings& s) {
  constexpr std::array<std::string_view, 8> names{
      "address", "scheme", "datacenter", "httpAuth", "waitTime", "token", "tokenFile", "tlsConfig"};
  constexpr std::array<std::string_view, 6> tls_names{
      "address", "caFile", "certFile", "keyFile", "insecureSkipVerify", "insecureSkipTlsVerify"};
  MECHA_TRY(const auto* client, object_of(configuration, "client"));
  MECHA_TRY_VOID(only(*client, "client.", names));
  auto address = text_of(*client, "address");
  auto scheme = text_of(*client, "scheme");
  if (const auto mark = address.find("://"); mark != std::string::npos) {
    scheme = address.substr(0, mark);
    address.erase(0, mark + 3);
  }
  if (address.empty()) address = "127.0.0.1:8500";
  s.base = (scheme.empty() ? "http" : scheme) + "://" + address;
  s.token = Secret(text_of(*client, "token"));
  s.token_file = text_of(*client, "tokenFile");
  MECHA_TRY(const auto* login, object_of(*client, "httpAuth"));
  if (const auto user = text_of(*login, "username"); !user.empty()) {
    s.authorization = "Basic " + text::base64(user + ":" + text_of(*login, "password"));
  }
  MECHA_TRY(const auto* tls, object_of(*client, "tlsConfig"));
  MECHA_TRY_VOID(only(*tls, "client.tlsConfig.", tls_names));
  s.server_name = text_of(*tls, "address");
  s.ca_file = text_of(*tls, "caFile");
  s.certificate_file = text_of(*tls, "certFile");
  s.key_file = text_of(*tls, "keyFile");
  s.verify = !flag(*tls, "insecureSkipVerify") && !flag(*tls, "insecureSkipTlsVerify");
  if (const auto center = text_of(*client, "datacenter"); !center.empty()) s.register_query = "dc=" + text::escape(center);
  return {};
}

Result<void> read_query(const json::Value& configuration, ConsulSettings& s) {
  struct Option {
    std::string_view key, parameter;
    bool is_flag;
  };
  constexpr std::array<Option, 8> options{{
      {"useCache", "cached", true}, {"allowStale", "stale", true}, {"requireConsistent", "consistent", true},
      {"datacenter", "dc", false}, {"namespace", "ns", false}, {"partition", "partition", false},
      {"near", "near", false}, {"filter", "filter", false}}};
  s.query = "passing=1";
  const auto* given = configuration.find_nocase("queryOptions");
  if (given == nullptr || given->is_null()) {
    s.query += "&cached=";
  } else {
    std::array<std::string_view, options.size()> names;
    for (std::size_t i = 0; i < options.size(); ++i) names[i] = options[i].key;
    MECHA_TRY_VOID(only(*given, "queryOptions.", names));
    for (const auto& option : options) {
      const auto text = text_of(*given, option.key);
      if (text.empty() || (option.is_flag && !text::truthy(text))) continue;
      s.query += "&" + std::string(option.parameter) + "=" + (option.is_flag ? "" : text::escape(text));
    }
  }
  const bool center = s.query.find("&dc=") != std::string::npos;
  if (!center && !s.register_query.empty()) s.query += "&" + s.register_query;
  if (const auto* client = configuration.find_nocase("client")) {
    if (const auto wait = text_of(*client, "waitTime"); !wait.empty()) s.query += "&wait=" + text::escape(wait);
  }
  return {};
}

json::Value default_checks(const ConsulSettings& s, const Self& self) {
  const bool ip6 = self.host.find(':') != std::string::npos;
  const auto host = ip6 ? "[" + self.host + "]" : self.host;
  json::Object check{
      {"Name", "Dapr Health Status"}, {"CheckID", "daprHealth:" + s.id}, {"Interval", "15s"},
      {"HTTP", "http://" + host + ":" + std::to_string(self.http_port) + "/v1.0/healthz?appid=" + text::escape(self.app_id)}};
  return json::Array{json::Value(std::move(check))};
}

Result<void> read_registration(const json::Value& configuration, const Self& self, ConsulSettings& s) {
  s.id = self.app_id + "-" + self.host + "-" + std::to_string(self.http_port);
  MECHA_TRY(const auto* advanced, object_of(configuration, "advancedRegistration"));
  auto& r = s.registration;
  if (!advanced->as_object().empty()) {
    s.registers = true;
    r = advanced->as_object();
    if (const auto id = text_of(*advanced, "id"); !id.empty()) s.id = id;
    else if (const auto name = text_of(*advanced, "name"); !name.empty()) s.id = name;
  } else {
    const auto* checks = configuration.find_nocase("checks");
    const auto* tags = configuration.find_nocase("tags");
    r["ID"] = s.id;
    r["Name"] = self.app_id;
    r["Address"] = self.host;
    r["Port"] = static_cast<int>(self.app_port);
    r["Checks"] = checks != nullptr && checks->is_array() ? *checks : default_checks(s, self);
    if (tags != nullptr && tags->is_array()) r["Tags"] = *tags;
  }
  MECHA_TRY(const auto* meta, object_of(advanced->as_object().empty() ? configuration : *advanced, "meta"));
  json::Object pairs;
  for (const auto& [key, value] : meta->as_object()) pairs[key] = text_of(&value);
  pairs[s.port_key] = std::to_string(self.internal_port);
  std::erase_if(r, [](const auto& member) { return text::equals_nocase(member.first, "meta"); });
  r["Meta"] = std::move(pairs);
  return {};
}

}  // namespace

Result<ConsulSettings> read_consul_settings(const json::Value& configuration, const Self& self) {
  constexpr std::array<std::string_view, 10> names{
      "client", "checks", "tags", "meta", "queryOptions", "advancedRegistration", "daprPortMetaKey",
      "selfRegister", "selfDeregister", "useCache"};
  MECHA_TRY_VOID(only(configuration, "", names));
  ConsulSettings s;
  if (const auto key = text_of(configuration, "daprPortMetaKey"); !key.empty()) s.port_key = key;
  s.registers = flag(configuration, "selfRegister");
  s.deregisters = flag(configuration, "selfDeregister");
  s.keeps_answers = flag(configuration, "useCache");
  MECHA_TRY_VOID(read_client(configuration, s));
  MECHA_TRY_VOID(read_query(configuration, s));
  MECHA_TRY_VOID(read_registration(configuration, self, s));
  return s;
}

}  // namespace mecha::nameresolution
