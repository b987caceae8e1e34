#include "runtime/net/http1_parser.hpp"

#include "tests/catch.hpp"

using namespace mecha;
using namespace mecha::net;

namespace {

struct Parsed {
  unsigned status = 0;  // 0: fine
  std::string text;     // of a refusal
  RequestHead head;
  Http1Facts facts;
  std::string body;
  bool complete = false;
  std::size_t used = 0;
};

// Everything at once, then byte by byte: both must agree.
Parsed parse(std::string_view bytes, std::size_t step, std::size_t head_max) {
  Parsed out;
  Http1Parser parser(Http1Parser::Role::request, head_max);
  std::size_t shown = 0;
  for (;;) {
    shown = std::min(bytes.size(), shown + step);
    auto used = parser.request_head(bytes.substr(0, shown), out.head, out.facts);
    if (!used) {
      out.status = used.error().http_status;
      out.text = used.error().message;
      return out;
    }
    out.used = *used;
    if (out.used > 0) break;
    if (shown == bytes.size()) return out;
  }
  while (!parser.complete()) {
    auto taken = parser.body(bytes.substr(out.used, shown - out.used));
    if (!taken) {
      out.status = taken.error().http_status;
      return out;
    }
    out.used += taken->consumed;
    out.body += taken->piece;
    if (taken->consumed > 0) continue;
    if (shown == bytes.size()) break;
    shown = std::min(bytes.size(), shown + step);
  }
  out.complete = parser.complete();
  return out;
}

Parsed parse(std::string_view bytes, std::size_t head_max = 8192) {
  auto whole = parse(bytes, bytes.size(), head_max);
  const auto single = parse(bytes, 1, head_max);
  CHECK(whole.status == single.status);
  CHECK(whole.complete == single.complete);
  CHECK(whole.body == single.body);
  CHECK(whole.used == single.used);
  return whole;
}

unsigned status_of(std::string_view bytes) { return parse(bytes).status; }

unsigned with_fields(std::string_view fields) {
  return status_of(std::string("POST /x HTTP/1.1\r\nHost: a\r\n").append(fields).append("\r\n"));
}

}  // namespace

TEST_CASE("a request head is taken apart", "[net][http1]") {
  const auto parsed = parse("GET /a/b?c=%zz HTTP/1.1\r\nHost: h:1\r\nX-A:  v \t\r\nx-a:\r\n\r\nrest");
  CHECK(parsed.status == 0);
  CHECK(parsed.head.method == "GET");
  CHECK(parsed.head.path() == "/a/b");
  CHECK(parsed.head.query() == "c=%zz");
  CHECK(parsed.head.authority == "h:1");
  CHECK(parsed.head.headers.all("x-a") == std::vector<std::string_view>{"v", ""});
  CHECK_FALSE(parsed.head.headers.has("host"));
  CHECK_FALSE(parsed.head.has_body);
  CHECK(parsed.head.content_length == 0);
  CHECK(parsed.facts.keep_alive);
  CHECK(parsed.complete);
}

TEST_CASE("bodies with a length and in chunks arrive whole", "[net][http1]") {
  const auto length = parse("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /");
  CHECK(length.body == "hello");
  CHECK(length.head.content_length == 5);
  CHECK(length.complete);
  CHECK(length.used == 51);
  const auto chunks = parse(
      "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "5;x=\"y\"\r\nhello\r\nA\r\n, 12345678\r\n0\r\nX-T: 1\r\n\r\n");
  CHECK(chunks.body == "hello, 12345678");
  CHECK(chunks.head.has_body);
  CHECK_FALSE(chunks.head.content_length.has_value());
  CHECK(chunks.complete);
  CHECK_FALSE(parse("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell").complete);
  CHECK(parse("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").complete);
}

TEST_CASE("lengths that two readers may take differently are refused", "[net][http1][smuggling]") {
  CHECK(with_fields("Content-Length: 5\r\nContent-Length: 6\r\n") == 400);
  CHECK(with_fields("Content-Length: 5, 6\r\n") == 400);
  CHECK(with_fields("Content-Length: 5, 5\r\n") == 400);
  CHECK(with_fields("Content-Length: +5\r\n") == 400);
  CHECK(with_fields("Content-Length: -1\r\n") == 400);
  CHECK(with_fields("Content-Length: 0x5\r\n") == 400);
  CHECK(with_fields("Content-Length: 5 5\r\n") == 400);
  CHECK(with_fields("Content-Length:\r\n") == 400);
  CHECK(with_fields("Content-Length: 99999999999999999999\r\n") == 400);
  CHECK(with_fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(with_fields("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n") == 400);
  CHECK(with_fields("Content-Length: 0\r\n") == 0);
}

TEST_CASE("transfer codings other than chunked are refused", "[net][http1][smuggling]") {
  CHECK(with_fields("Transfer-Encoding: gzip\r\n") == 501);
  CHECK(with_fields("Transfer-Encoding: gzip, chunked\r\n") == 501);
  CHECK(with_fields("Transfer-Encoding: chunked, gzip\r\n") == 501);
  CHECK(with_fields("Transfer-Encoding: identity\r\n") == 501);
  CHECK(with_fields("Transfer-Encoding: xchunked\r\n") == 501);
  CHECK(with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") == 400);
  CHECK(with_fields("Transfer-Encoding : chunked\r\n") == 400);
  CHECK(with_fields("Transfer-Encoding:\x0b""chunked\r\n") == 400);
  CHECK(status_of("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n") == 501);
}

TEST_CASE("bad chunk sizes are refused", "[net][http1][smuggling]") {
  const auto chunk = [](std::string_view body) {
    return status_of(std::string("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").append(body));
  };
  CHECK(chunk("5\r\nhello\r\n0\r\n\r\n") == 0);
  CHECK(chunk("g\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunk("0x5\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunk("-5\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunk("+5\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunk(" 5\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunk("\r\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunk("5\nhello\r\n0\r\n\r\n") == 400);
  CHECK(chunk("5\r\nhelloX\r\n0\r\n\r\n") == 400);
  CHECK(chunk("5\r\nhello\n0\r\n\r\n") == 400);
  CHECK(chunk("11111111111111111\r\nhello") == 400);
  CHECK(chunk(std::string(20000, '0')) == 400);
}

TEST_CASE("line ends and white space that readers disagree about are refused", "[net][http1][smuggling]") {
  CHECK(with_fields("X: a\r\n b\r\n") == 400);
  CHECK(with_fields("X: a\r\n\tb\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\r\n Host: a\r\n\r\n") == 400);
  CHECK(with_fields("X: a\rb\r\n") == 400);
  CHECK(with_fields("X: a\r\r\n") == 400);
  CHECK(with_fields("X: a\n") == 400);
  CHECK(status_of("GET / HTTP/1.1\nHost: a\n\n") == 400);
  CHECK(with_fields("X : a\r\n") == 400);
  CHECK(with_fields("X\t: a\r\n") == 400);
  CHECK(with_fields(": a\r\n") == 400);
  CHECK(with_fields("X\r\n") == 400);
  CHECK(with_fields("X(: a\r\n") == 400);
  CHECK(with_fields(std::string_view("X: a\0b\r\n", 8)) == 400);
  CHECK(with_fields("X: a\x01\r\n") == 400);
  CHECK(with_fields("X: a\x7f\r\n") == 400);
  CHECK(with_fields("X: a\tb \xc3\xa4\r\n") == 0);
}

TEST_CASE("malformed request lines are refused", "[net][http1]") {
  CHECK(parse("GET /a%zz HTTP/1.1\r\nHost: a\r\n\r\n").text == "400 Bad Request");
  CHECK(status_of("GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /a% HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /a?%zz HTTP/1.1\r\nHost: a\r\n\r\n") == 0);
  CHECK(status_of("GET  / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/1.1 \r\nHost: a\r\n\r\n") == 400);
  CHECK(parse("GET / HTTP/3.1\r\nHost: a\r\n\r\n").text == "505 HTTP Version Not Supported: unsupported protocol version");
  CHECK(status_of("GET / HTTP/3\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET / HTTP/x.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET /\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("G@T / HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of("GET x HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
  CHECK(status_of(std::string_view("\x16\x03\x01\x00\n", 5)) == 400);
}

TEST_CASE("exactly one Host field is wanted", "[net][http1]") {
  CHECK(parse("GET / HTTP/1.1\r\n\r\n").text == "400 Bad Request: missing required Host header");
  CHECK(parse("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n").text == "400 Bad Request: too many Host headers");
  CHECK(parse("GET / HTTP/1.1\r\nHost: a b\r\n\r\n").text == "400 Bad Request: malformed Host header");
  CHECK(status_of("GET / HTTP/1.0\r\n\r\n") == 0);
  CHECK(status_of("GET / HTTP/1.1\r\nHost:\r\n\r\n") == 0);
}

TEST_CASE("an absolute target gives path and authority", "[net][http1]") {
  const auto parsed = parse("GET http://b:9?q HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(parsed.head.target == "/?q");
  CHECK(parsed.head.authority == "b:9");
  CHECK(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").head.target == "*");
}

TEST_CASE("a tunnel is asked for by an authority alone", "[net][http1]") {
  const auto parsed = parse("CONNECT b:9 HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(parsed.head.target == "/");
  CHECK(parsed.head.authority == "b:9");
  CHECK(parse("CONNECT /x HTTP/1.1\r\nHost: a\r\n\r\n").head.target == "/x");
}

TEST_CASE("a head over the limit is refused before it is whole", "[net][http1]") {
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const auto room = 256 - start.size() - 4;
  CHECK(parse(start + std::string(room, 'x') + "\r\n\r\n", 256).status == 0);
  const auto over = parse(start + std::string(room + 1, 'x') + "\r\n\r\n", 256);
  CHECK(over.status == 431);
  CHECK(over.text == "431 Request Header Fields Too Large");
  CHECK(parse(start + std::string(300, 'x'), 256).status == 431);
}

TEST_CASE("what a request says about its connection is understood", "[net][http1]") {
  const auto facts = [](std::string_view line, std::string_view fields) {
    return parse(std::string(line).append("\r\nHost: a\r\n").append(fields).append("\r\n")).facts;
  };
  CHECK_FALSE(facts("GET / HTTP/1.1", "Connection: x, Close\r\n").keep_alive);
  CHECK_FALSE(facts("GET / HTTP/1.0", "").keep_alive);
  CHECK(facts("GET / HTTP/1.0", "Connection: keep-alive\r\n").keep_alive);
  CHECK(facts("PUT / HTTP/1.1", "Expect: 100-Continue\r\n").expect_continue);
  CHECK(facts("PUT / HTTP/1.1", "Expect: else\r\n").expect_other);
  CHECK(facts("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n").upgrade);
}

TEST_CASE("answers end by length, chunks, status or connection", "[net][http1]") {
  const auto parse_answer = [](std::string_view bytes, bool to_head, ResponseHead& head, Http1Facts& facts) {
    Http1Parser parser(Http1Parser::Role::response, 4096);
    parser.reset(to_head);
    const auto used = parser.response_head(bytes, head, facts);
    if (!used) return std::string("error: ") + used.error().message;
    if (parser.complete()) return std::string("complete");
    const auto step = parser.body(bytes.substr(*used));
    return std::string(step->piece) + (parser.complete() ? "." : parser.end_of_stream() ? "|" : "...");
  };
  ResponseHead head;
  Http1Facts facts;
  CHECK(parse_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", false, head, facts) == "ab.");
  CHECK(head.content_length == 2);
  CHECK(parse_answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", false, head, facts) == "ab...");
  CHECK(parse_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", true, head, facts) == "complete");
  CHECK(parse_answer("HTTP/1.1 204 \r\n\r\n", false, head, facts) == "complete");
  CHECK(parse_answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, head, facts) == "complete");
  CHECK(parse_answer("HTTP/1.1 200 OK\r\n\r\nab", false, head, facts) == "ab|");
  CHECK(facts.until_close);
  CHECK_FALSE(facts.keep_alive);
  CHECK(parse_answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", false, head, facts)
            .starts_with("error"));
  CHECK(parse_answer("HTTP/1.1 2000 OK\r\n\r\n", false, head, facts).starts_with("error"));
  CHECK(parse_answer("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", false, head, facts) == "complete");
  CHECK(head.status == 999);
}
