#include "runtime/net/http2_fields.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "runtime/base/text.hpp"

namespace mecha::net {
namespace {

std::uint8_t* bytes(std::string_view text) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

// The bytes of a value as nghttp2 encodes it: by Huffman's code where that is shorter.
std::size_t encoded_size(std::string_view value) {
  nghttp2_hd_deflater* deflater = nullptr;
  if (nghttp2_hd_deflate_new(&deflater, 0) != 0) return value.size();
  const nghttp2_nv field{.name = bytes("x"), .value = bytes(value), .namelen = 1, .valuelen = value.size(), .flags = NGHTTP2_NV_FLAG_NONE};
  std::string out(nghttp2_hd_deflate_bound(deflater, &field, 1), '\0');
  const auto size = nghttp2_hd_deflate_hd(deflater, reinterpret_cast<std::uint8_t*>(out.data()), out.size(), &field, 1);
  nghttp2_hd_deflate_del(deflater);
  // Before it: the size of the table, the kind, the name with its length, the length of so much.
  constexpr std::size_t kBefore = 1 + 1 + 2 + 4;
  return size < 0 ? value.size() : static_cast<std::size_t>(size) - std::min<std::size_t>(static_cast<std::size_t>(size), kBefore);
}

}  // namespace

bool is_too_long(std::string_view value) { return value.size() > kFieldMax && encoded_size(value) > kFieldMax; }

std::string_view too_long_field(const Headers& headers) {
  for (const auto& field : headers) {
    if (field.value.size() > kFieldMax && is_too_long(text::trim(field.value))) return field.name;
  }
  return {};
}

Error field_too_long(std::string_view name) {
  return {
      .code = Code::resource_exhausted,
      .message = "the header field " + text::quote(name) + " has more than " + std::to_string(kFieldMax) + " bytes"};
}

bool is_connection_field(std::string_view name, std::string_view value) {
  // Told apart by length first: nearly all fields leave here.
  switch (name.size()) {
    case 2: return text::equals_nocase(name, "te") && !text::equals_nocase(value, "trailers");
    case 4: return text::equals_nocase(name, "host");
    case 7: return text::equals_nocase(name, "upgrade");
    case 10: return text::equals_nocase(name, "connection") || text::equals_nocase(name, "keep-alive");
    case 14: return text::equals_nocase(name, "http2-settings");
    case 16: return text::equals_nocase(name, "proxy-connection");
    case 17: return text::equals_nocase(name, "transfer-encoding");
    default: return false;
  }
}

void FieldList::add(std::string_view name, std::string_view value) {
  fields_.push_back(nghttp2_nv{
      .name = bytes(name),
      .value = bytes(value),
      .namelen = name.size(),
      .valuelen = value.size(),
      .flags = NGHTTP2_NV_FLAG_NONE});
}

void FieldList::add_all(const Headers& headers) {
  for (const auto& field : headers) {
    if (is_connection_field(field.name, field.value)) continue;
    const auto value = text::trim(field.value);
    if (field.name.empty() || field.name.front() == ':') continue;
    if (nghttp2_check_header_value(bytes(value), value.size()) == 0) continue;
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    std::array<char, 256> name;
    if (field.name.size() > name.size()) continue;
    for (std::size_t i = 0; i < field.name.size(); ++i) name[i] = lower(field.name[i]);
    if (nghttp2_check_header_name(bytes({name.data(), field.name.size()}), field.name.size()) == 0) {
      continue;
    }
    add(field.name, value);
  }
}

}  // namespace mecha::net
