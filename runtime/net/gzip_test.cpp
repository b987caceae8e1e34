// What clients say of packed answers, and that zlib reads what is packed.

#include "runtime/net/gzip.hpp"

#include <zlib.h>

#include "tests/catch.hpp"

using namespace mecha::net;

namespace {

bool packed(std::initializer_list<std::string_view> fields) {
  Headers headers;
  for (const auto field : fields) headers.add("Accept-Encoding", field);
  return prefers_gzip(headers);
}

std::string unpack(std::string bytes, std::size_t size) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
  std::string out(size + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("an answer is packed where the client weighs gzip above what is not", "[net][gzip]") {
  CHECK(packed({"gzip"}));
  CHECK(packed({"deflate, gzip;q=0.5, br"}));
  CHECK(packed({"deflate", "gzip"}));
  CHECK(packed({"identity;q=0.1, gzip; q=0.2"}));
  CHECK_FALSE(packed({}));
  CHECK_FALSE(packed({""}));
  CHECK_FALSE(packed({"br"}));
  CHECK_FALSE(packed({"*"}));
  CHECK_FALSE(packed({"gzip, identity"}));
  CHECK_FALSE(packed({"gzip;q=0"}));
  CHECK_FALSE(packed({"gzip;q=x"}));
  CHECK_FALSE(packed({"br;q=x, gzip"}));
}

TEST_CASE("what is packed unpacks to itself", "[net][gzip]") {
  std::string all;
  for (int i = 0; i < 10'000; ++i) all += std::to_string(i * 7919);
  for (const auto& text : {std::string(), std::string("x"), all}) CHECK(unpack(gzip(text), text.size()) == text);
  CHECK(gzip(std::string(10'000, 'a')).size() < 100);
}
