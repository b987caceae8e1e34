// Text encodings and the small grammars that appear all over the contract. No I/O, no locale.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::text {

// ASCII only.
std::string lower(std::string_view s);
std::string upper(std::string_view s);
bool equals_nocase(std::string_view a, std::string_view b);
std::string_view trim(std::string_view s);  // Unicode white space is not known, ASCII is
std::vector<std::string_view> split(std::string_view s, char separator);  // "" gives one empty part
std::string join(const std::vector<std::string>& parts, std::string_view separator);
std::string replace_all(std::string_view s, std::string_view from, std::string_view to);

struct LessNoCase {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};

// "y yes true t on 1", trimmed and without case; all else is false (contract 01, 1.2).
bool truthy(std::string_view s);
// strconv.ParseBool: 1 t T true TRUE True 0 f F false FALSE False; empty if none of them.
std::optional<bool> strict_bool(std::string_view s);
// Decimal with optional sign, no white space.
std::optional<std::int64_t> to_int(std::string_view s);
std::optional<std::uint64_t> to_uint(std::string_view s);
std::optional<double> to_double(std::string_view s);

// Go durations: "300ms", "1h2m3.5s", units ns us µs ms s m h, "0" without a unit, optional sign.
std::optional<std::chrono::nanoseconds> go_duration(std::string_view s);
// Why go_duration refuses `s`, in the words of Go: "time: unknown unit \"d\" in duration \"30d\"".
std::string go_duration_error(std::string_view s);
// "1m0s", "500ms", "0s": what Go prints.
std::string format_go_duration(std::chrono::nanoseconds d);
// A Go duration or a bare whole number in `unit`.
std::optional<std::chrono::nanoseconds> duration_or(
    std::string_view s, std::chrono::nanoseconds unit
);
// Kubernetes quantity that is a whole number: "4Mi", "16M", "500k", "4096"; empty if it is none.
std::optional<std::int64_t> quantity(std::string_view s);

std::string base64(std::string_view bytes);  // standard alphabet, padded
std::optional<std::string> from_base64(std::string_view text, bool padded = true);
std::string hex(std::string_view bytes);  // lower case
std::optional<std::string> from_hex(std::string_view text);
// Of one hexadecimal digit in either case; -1 for any other character.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Percent decoding. Path rules keep '+', query rules turn it into a blank. Empty on a bad escape.
std::optional<std::string> unescape_path(std::string_view s);
std::optional<std::string> unescape_query(std::string_view s);
// Escapes all but unreserved characters and those of `keep`.
std::string escape(std::string_view s, std::string_view keep = {});
// Pairs of a query string in order; a pair with a bad escape is dropped.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

// Lexical cleaning as Go's path.Clean: merges slashes, resolves . and .., drops a trailing slash; "" gives ".".
std::string clean_path(std::string_view path);
// The parts between the slashes, without a leading one: "/a//b" gives a, "", b; "" gives one empty part.
std::vector<std::string_view> path_segments(std::string_view path);

// Invalid UTF-8 becomes U+FFFD, one per bad byte.
bool is_utf8(std::string_view s);
std::string sanitize_utf8(std::string_view s);

// token of RFC 9110, 5.6.2: what names a header field; not empty.
bool is_token(std::string_view s);
// What a header field may hold: no control characters but the tab (RFC 9110, 5.5).
bool is_field_value(std::string_view s);
// "Text/Plain; charset=utf-8" -> "text/plain".
std::string media_type(std::string_view content_type);

// Header name in canonical capitals: "content-type" -> "Content-Type".
std::string canonical_header(std::string_view name);

// strconv.Quote of Go ("%q"): quotes, escapes control characters and invalid UTF-8.
std::string quote(std::string_view s);

std::string uuid();  // random, version 4, lower case

// RFC 3339 in UTC: whole seconds ("2006-01-02T15:04:05Z"), or with nanoseconds as Go's RFC3339Nano (zeros cut).
std::string rfc3339(std::chrono::system_clock::time_point t);
std::string rfc3339_nano(std::chrono::system_clock::time_point t);
// Beyond what the clock holds (1677 to 2262) it is the end of the clock.
std::optional<std::chrono::system_clock::time_point> parse_rfc3339(std::string_view s);

// The same for the years 0 to 9999.
struct Instant {
  std::int64_t seconds = 0;  // since 1970, may be negative
  std::int32_t nanos = 0;    // 0 to 999,999,999
  auto operator<=>(const Instant&) const = default;
};
std::optional<Instant> parse_instant(std::string_view s);
std::string format_instant(Instant t);  // as rfc3339_nano

}  // namespace mecha::text
