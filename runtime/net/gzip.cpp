#include "runtime/net/gzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <optional>

#include "runtime/base/check.hpp"
#include "runtime/base/text.hpp"

namespace mecha::net {
namespace {

struct Offer {
  std::string_view coding;
  double weight = 1;
};

// "gzip", "gzip;q=0.5"; empty if it is not of that form.
std::optional<Offer> read_offer(std::string_view text) {
  const auto semicolon = text.find(';');
  Offer offer{.coding = text::trim(text.substr(0, semicolon))};
  if (offer.coding.empty()) return std::nullopt;
  if (semicolon == std::string_view::npos) return offer;
  auto weight = text::trim(text.substr(semicolon + 1));
  if (!weight.starts_with("q=") || weight.size() < 3 || (weight[2] != '0' && weight[2] != '1')) return std::nullopt;
  const auto number = text::to_double(weight.substr(2));
  if (!number) return std::nullopt;
  offer.weight = *number;
  return offer;
}

}  // namespace

bool prefers_gzip(const Headers& headers) {
  double plain = -1;
  double packed = -1;
  for (const auto field : headers.all("accept-encoding")) {
    for (const auto one : text::split(field, ',')) {
      const auto offer = read_offer(one);
      if (!offer) break;  // what stands behind it is not read either
      if (offer->coding == "*" || offer->coding == "identity") plain = std::max(plain, offer->weight);
      if (offer->coding == "*" || offer->coding == "gzip") packed = std::max(packed, offer->weight);
    }
  }
  return packed > 0 && packed > plain;
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  MECHA_CHECK(deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int state = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  MECHA_CHECK(state == Z_STREAM_END);
  return out;
}

}  // namespace mecha::net
