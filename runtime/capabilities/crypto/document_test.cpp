// Documents: the golden ones of the contract, and headers that are none.

#include "runtime/capabilities/crypto/document.hpp"

#include "runtime/base/text.hpp"
#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::crypto;

namespace {

std::string counting(int from, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += static_cast<char>(from + i);
  return out;
}

const std::string kFileKey = counting(0, 32);

Manifest golden(int cipher) {
  return {
      .key = "k1",
      .wrap = find_wrap_algorithm(1),
      .wrapped_key = text::from_base64("NIOPmX/w7N/MwuMQlRiJF34YBccvUMMaD8yh0KDsab4ft6cZxue9QQ==").value(),
      .cipher = find_document_cipher(cipher),
      .nonce_prefix = counting(0x40, 7),
  };
}

std::string refusal(std::string_view bytes) {
  const auto header = read_header(bytes, true);
  return header ? "no refusal" : header.error().message;
}

}  // namespace

TEST_CASE("the documents of the contract are written byte for byte", "[crypto]") {
  const std::string lines =
      "dapr.io/enc/v1\n{\"k\":\"k1\",\"kw\":1,\"wfk\":\"NIOPmX/w7N/MwuMQlRiJF34YBccvUMMaD8yh0KDsab4ft6cZxue9QQ==\",\"cph\":";
  CHECK(write_header(golden(1), kFileKey) == lines + "1,\"np\":\"QEFCQ0RFRg==\"}\nA+HC/zyZRQ2FTs8O/ugl/JPdWkOX6Cw3dEz2UQBzRYw=\n");
  CHECK(write_header(golden(2), kFileKey) == lines + "2,\"np\":\"QEFCQ0RFRg==\"}\no/zIoyhCHLN56p/DBsINtIoOZB/ydIscowLTF/CXao8=\n");
  SegmentCipher aes(golden(1), kFileKey);
  CHECK(text::hex(aes.seal("hello", true).value()) == "01a5e45f8523b9d427a73cc2616b0fec9f603d026d");
  SegmentCipher chacha(golden(2), kFileKey);
  CHECK(text::hex(chacha.seal("hello", true).value()) == "91f4b939a152862980dc1a33be387203c41664fc09");
}

TEST_CASE("a header is read back, however it comes in", "[crypto]") {
  for (const int cipher : {1, 2, 101}) {
    const auto text = write_header(golden(cipher), kFileKey);
    for (std::size_t size = 0; size < text.size(); ++size) {
      const auto part = read_header(std::string_view(text).substr(0, size), false);
      REQUIRE(part);
      CHECK(!part->has_value());
    }
    const auto header = read_header(text + "rest", false);
    REQUIRE(header);
    REQUIRE(header->has_value());
    CHECK((*header)->size == text.size());
    CHECK((*header)->manifest.key == "k1");
    CHECK((*header)->manifest.cipher->id == cipher);
    CHECK(check_signature(**header, kFileKey));
    CHECK(check_signature(**header, std::string(32, '\0')).error().message == "failed to validate the document's signature");
  }
}

TEST_CASE("what is no header is refused in the words of the contract", "[crypto]") {
  CHECK(refusal("") == "invalid header: scheme name not found");
  CHECK(refusal("dapr.io/enc/v2\n") == "invalid header: unsupported scheme");
  CHECK(refusal("\n") == "invalid header: invalid format");
  CHECK(refusal("dapr.io/enc/v1\n\n") == "invalid header: invalid format");
  CHECK(refusal("dapr.io/enc/v1\n{}") == "invalid header: manifest not found");
  CHECK(refusal("dapr.io/enc/v1\n{}\nx") == "invalid header: message authentication code not found");
  CHECK(refusal("dapr.io/enc/v1\n{}\nx\n") == "invalid header: invalid manifest");
  // More than a header may have is refused without waiting for the end.
  const auto endless = read_header("dapr.io/enc/v1\n" + std::string(kHeaderBytesMax, 'x'), false);
  REQUIRE(!endless);
  CHECK(endless.error().message == "invalid header: manifest not found");
}

TEST_CASE("names of algorithms and their aliases", "[crypto]") {
  CHECK(find_wrap_algorithm("AES")->id == 1);
  CHECK(find_wrap_algorithm("RSA")->name == "RSA-OAEP-256");
  CHECK(find_wrap_algorithm("SM2")->id == 102);
  CHECK(find_wrap_algorithm("A128KW") == nullptr);
  CHECK(find_wrap_algorithm(0) == nullptr);
  CHECK(find_document_cipher("AES-GCM")->id == 1);
  CHECK(find_document_cipher("SM4-CTR-HSM3")->id == 101);
  CHECK(find_document_cipher(3) == nullptr);
}

TEST_CASE("a cutter tells the last segment, whatever the pieces", "[crypto]") {
  for (const std::size_t piece_bytes : {1U, 3U, 4U, 7U, 100U}) {
    std::string text = "0123456789abcdef";
    std::vector<std::string> segments;
    SegmentCutter cutter(4);
    for (std::size_t at = 0; at < text.size(); at += piece_bytes) {
      auto piece = std::string_view(text).substr(at, piece_bytes);
      while (cutter.take(piece)) {
        segments.push_back(cutter.segment());
        cutter.clear();
      }
    }
    CHECK(segments == std::vector<std::string>{"0123", "4567", "89ab"});
    CHECK(cutter.segment() == "cdef");
  }
}

TEST_CASE("a segment that is moved, cut or not the last is found out", "[crypto]") {
  SegmentCipher writer(golden(1), kFileKey);
  const auto first = writer.seal("one", false).value();
  const auto second = writer.seal("two", true).value();
  const auto opened = [&](std::string_view segment, bool last) {
    SegmentCipher reader(golden(1), kFileKey);
    const auto plain = reader.open(segment, last);
    return plain ? *plain : plain.error().message;
  };
  const std::string refused = "error processing segment 0: failed to decrypt segment";
  CHECK(opened(first, false) == "one");
  CHECK(opened(first, true) == refused);
  CHECK(opened(second, true) == refused);
  CHECK(opened(first.substr(1), false) == refused);
  CHECK(opened("x", true) == refused);
  SegmentCipher reader(golden(1), kFileKey);
  CHECK(reader.open(first, false).value() == "one");
  CHECK(reader.open(second, true).value() == "two");
}
