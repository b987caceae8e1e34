#include "runtime/net/http1_parser.hpp"

#include <algorithm>
#include <optional>

#include <boost/beast/http/basic_parser.hpp>

#include "runtime/base/text.hpp"

namespace mecha::net {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

namespace {

constexpr std::size_t kLastChunk = 5;
constexpr std::size_t kChunkLineMax = 16 * 1024;  // size line with extensions, or trailers

std::string_view view(string_view text) { return {text.data(), text.size()}; }

Error refusal(unsigned status, std::string text) {
  return Error{
      .code = Code::invalid_argument, .message = std::move(text), .http_status = status};
}
Error bad_request() { return refusal(400, "400 Bad Request"); }

// Lines that begin with white space continue the one before (obs-fold): readers differ about them, so none may pass.
bool folded(std::string_view block) {
  for (std::size_t at = block.find('\n'); at + 1 < block.size(); at = block.find('\n', at + 1)) {
    if (block[at + 1] == ' ' || block[at + 1] == '\t') return true;
  }
  return false;
}

std::optional<std::uint64_t> length_of(std::string_view text) {
  if (text.empty() || text.size() > 18) return std::nullopt;
  std::uint64_t length = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    length = length * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return length;
}

// What both directions have in common: fields into Headers, framing fields judged, the last body piece noted.
struct Fields {
  Headers* headers = nullptr;
  std::string* authority = nullptr;  // requests only
  Headers trailers;
  std::optional<std::uint64_t> length;
  std::string_view piece;
  std::uint64_t chunk_left = 0;  // of the chunk that is being read
  unsigned hosts = 0;
  bool in_body = false;
  bool coded = false, chunked = false, bad = false;
  bool upgrade = false, expect_continue = false, expect_other = false;

  void add(http::field field, std::string_view name, std::string_view value) {
    if (in_body) return trailers.add(name, value);
    switch (field) {
      case http::field::content_length: {
        const auto found = length_of(value);
        if (!found || (length && *length != *found)) bad = true;
        length = found;
        return;
      }
      case http::field::transfer_encoding:
        if (coded) bad = true;
        coded = true;
        chunked = text::equals_nocase(value, "chunked");
        return;
      case http::field::host:
        if (authority) {
          ++hosts;
          authority->assign(value);
          return;
        }
        break;
      case http::field::expect:
        (text::equals_nocase(value, "100-continue") ? expect_continue : expect_other) = true;
        break;
      case http::field::upgrade:
        upgrade = true;
        break;
      default:
        break;
    }
    headers->add(name, value);
  }
};

// A request line that ends in "HTTP/3.1", or whatever digits.
bool names_version(std::string_view head) {
  const auto line = head.substr(0, head.find('\r'));
  const auto version = line.size() < 9 ? std::string_view() : line.substr(line.size() - 9);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::ranges::count(line, ' ') == 2 && version.starts_with(" HTTP/") && digit(version[6]) && version[7] == '.' && digit(version[8]);
}

template <bool is_request>
class Grammar final : public http::basic_parser<is_request> {
 public:
  explicit Grammar(Fields& fields) : fields_(fields) {
    this->header_limit(0x7fffffff);  // counted by the caller
    this->body_limit(boost::none);
    this->eager(false);
  }

  std::string_view method, target;
  int status = 0, version = 0;

 private:
  void on_request_impl(http::verb, string_view m, string_view t, int v, error_code&) override {
    method = view(m);
    target = view(t);
    version = v;
  }
  void on_response_impl(int code, string_view, int v, error_code&) override {
    status = code;
    version = v;
  }
  void on_field_impl(http::field f, string_view name, string_view value, error_code&) override {
    fields_.add(f, view(name), view(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view piece, error_code&) override {
    fields_.piece = view(piece);
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t size, string_view, error_code&) override {
    fields_.chunk_left = size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view piece, error_code&) override {
    fields_.piece = view(piece);
    fields_.chunk_left -= piece.size();
    return piece.size();
  }
  void on_finish_impl(error_code&) override {}

  Fields& fields_;
};

}  // namespace

bool escapes_are_whole(std::string_view path) {
  const auto digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  for (auto at = path.find('%'); at != std::string_view::npos; at = path.find('%', at + 1)) {
    if (at + 2 >= path.size() || !digit(path[at + 1]) || !digit(path[at + 2])) return false;
  }
  return true;
}

struct Http1Parser::Beast {
  Role role;
  std::size_t head_max;
  std::size_t scanned = 0;  // bytes without an end of the head
  Fields fields;
  std::optional<Grammar<true>> request;
  std::optional<Grammar<false>> response;

  // The length of the head; 0: not whole yet. Every line must end in CRLF: a bare LF ends lines for some readers only.
  Result<std::size_t> find_end(std::string_view bytes) {
    std::size_t size = 0;
    for (auto at = bytes.find('\n', scanned); at != bytes.npos; at = bytes.find('\n', at + 1)) {
      if (at == 0 || bytes[at - 1] != '\r') return fail(bad_request());
      if (at < 3 || bytes[at - 2] != '\n') continue;
      size = at + 1;
      break;
    }
    if ((size != 0 ? size : bytes.size()) > head_max) {
      return fail(refusal(431, "431 Request Header Fields Too Large"));
    }
    scanned = bytes.size();
    return size;
  }

  template <class G>
  Result<void> run(G& grammar, std::string_view head) {
    if (folded(head)) return fail(bad_request());
    error_code error;
    const auto used = grammar.put(asio::buffer(head.data(), head.size()), error);
    if (error == http::error::bad_version && names_version(head)) {
      return fail(refusal(505, "505 HTTP Version Not Supported: unsupported protocol version"));
    }
    if (error || used != head.size() || fields.bad) return fail(bad_request());
    if (fields.coded && fields.length) return fail(bad_request());
    fields.in_body = true;
    return {};
  }

  template <class G>
  Result<Step> step(G& grammar, std::string_view bytes) {
    Step result;
    if (grammar.is_done()) return result;
    // Beast asserts that it sees no less of a last chunk ("0", CRLF, CRLF) at a second look.
    if (fields.chunked && fields.chunk_left == 0 && bytes.size() < kLastChunk) return result;
    fields.piece = {};
    error_code error;
    result.consumed = grammar.put(asio::buffer(bytes.data(), bytes.size()), error);
    result.piece = fields.piece;
    if (error == http::error::need_more) {
      if (bytes.size() - result.consumed > kChunkLineMax) return fail(refusal(400, "malformed chunked encoding"));
      return result;
    }
    if (error == http::error::bad_chunk) return fail(refusal(400, "invalid byte in chunk length"));
    if (error) return fail(refusal(400, "malformed chunked encoding"));
    return result;
  }
};

Http1Parser::Http1Parser(Role role, std::size_t head_bytes_max)
    : beast_(std::make_unique<Beast>(Beast{.role = role, .head_max = head_bytes_max})) {
  reset();
}
Http1Parser::~Http1Parser() = default;

void Http1Parser::reset(bool answer_to_head) {
  auto& b = *beast_;
  b.scanned = 0;
  b.fields = Fields();
  if (b.role == Role::request) {
    b.request.emplace(b.fields);
  } else {
    b.response.emplace(b.fields);
    if (answer_to_head) b.response->skip(true);
  }
}

namespace {

// Target to origin form, authority from an absolute one (RFC 9112, 3.2.2). False: malformed.
bool place_target(std::string_view target, RequestHead& head) {
  if (head.method == "CONNECT" && !target.starts_with('/')) {
    head.authority.assign(target);
    head.target.assign("/");
    return true;
  }
  if (target.front() != '/' && target != "*") {
    const auto scheme = target.find("://");
    if (scheme == std::string_view::npos) return false;
    auto rest = target.substr(scheme + 3);
    const auto end = rest.find_first_of("/?");
    head.authority.assign(rest.substr(0, end));
    if (head.authority.empty()) return false;
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
    head.target.assign(rest.starts_with('/') ? "" : "/");
    head.target.append(rest);
  } else {
    head.target.assign(target);
  }
  return escapes_are_whole(head.path());
}

}  // namespace

Result<std::size_t> Http1Parser::request_head(
    std::string_view bytes, RequestHead& head, Http1Facts& facts
) {
  auto& b = *beast_;
  MECHA_TRY(const auto size, b.find_end(bytes));
  if (size == 0) return 0;
  head.headers.clear();
  head.authority.clear();
  b.fields.headers = &head.headers;
  b.fields.authority = &head.authority;
  auto& grammar = *b.request;
  MECHA_TRY_VOID(b.run(grammar, bytes.substr(0, size)));

  const bool modern = grammar.version == 11;
  if (b.fields.coded && (!b.fields.chunked || !modern)) {
    return fail(refusal(501, "Unsupported transfer encoding"));
  }
  if (b.fields.hosts > 1) return fail(refusal(400, "400 Bad Request: too many Host headers"));
  if (b.fields.hosts == 0 && modern) {
    return fail(refusal(400, "400 Bad Request: missing required Host header"));
  }
  if (head.authority.find_first_of(" \t/@?#,") != std::string::npos) {
    return fail(refusal(400, "400 Bad Request: malformed Host header"));
  }
  head.method.assign(grammar.method);
  if (!place_target(grammar.target, head)) return fail(bad_request());
  head.version = modern ? Version::http1_1 : Version::http1_0;
  head.content_length = b.fields.length;
  if (!b.fields.chunked && !head.content_length) head.content_length = 0;
  head.has_body = b.fields.chunked || *head.content_length > 0;
  facts = {
      .keep_alive = grammar.keep_alive(),
      .chunked = b.fields.chunked,
      .upgrade = b.fields.upgrade,
      .expect_continue = b.fields.expect_continue && modern,
      .expect_other = b.fields.expect_other};
  return size;
}

Result<std::size_t> Http1Parser::response_head(
    std::string_view bytes, ResponseHead& head, Http1Facts& facts
) {
  auto& b = *beast_;
  MECHA_TRY(const auto size, b.find_end(bytes));
  if (size == 0) return 0;
  head.headers.clear();
  b.fields.headers = &head.headers;
  auto& grammar = *b.response;
  if (!b.run(grammar, bytes.substr(0, size)) || (b.fields.coded && !b.fields.chunked)) {
    return fail(Code::unavailable, "net/http: malformed HTTP response");
  }
  head.status = static_cast<unsigned>(grammar.status);
  head.content_length = b.fields.length;
  if (grammar.is_done() && !head.content_length) head.content_length = 0;
  facts = {
      .keep_alive = grammar.keep_alive(),
      .chunked = b.fields.chunked,
      .upgrade = b.fields.upgrade,
      .until_close = grammar.need_eof()};
  return size;
}

Result<Http1Parser::Step> Http1Parser::body(std::string_view bytes) {
  auto& b = *beast_;
  return b.request ? b.step(*b.request, bytes) : b.step(*b.response, bytes);
}

bool Http1Parser::complete() const {
  return beast_->request ? beast_->request->is_done() : beast_->response->is_done();
}

bool Http1Parser::end_of_stream() {
  auto& b = *beast_;
  if (complete()) return true;
  if (!b.response || !b.fields.in_body) return false;
  error_code error;
  b.response->put_eof(error);
  return !error;
}

Headers& Http1Parser::trailers() { return beast_->fields.trailers; }

}  // namespace mecha::net
