#include "runtime/net/http1_writer.hpp"

#include <array>
#include <charconv>
#include <ctime>
#include <span>

#include "runtime/base/http_status.hpp"
#include "runtime/base/text.hpp"

namespace mecha::net {
namespace {

void append_name(std::string& out, std::string_view name) {
  const auto from = out.size();
  out.append(name);
  bool start = true;
  for (char& c : std::span(out).subspan(from)) {
    if (start && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (!start && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    start = c == '-';
  }
}

void append_value(std::string& out, std::string_view value) {
  const auto from = out.size();
  out.append(value);
  for (char& c : std::span(out).subspan(from)) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t') c = ' ';
  }
}

}  // namespace

WrittenFields append_fields(std::string& out, const Headers& headers) {
  WrittenFields seen;
  for (const auto& [name, value] : headers) {
    switch (name.size()) {
      case 4:
        if (text::equals_nocase(name, "date")) seen.date = true;
        break;
      case 10:
        if (!text::equals_nocase(name, "connection")) break;
        seen.connection = true;
        if (text::lower(value).find("close") != std::string::npos) seen.close = true;
        break;
      case 14:
        if (text::equals_nocase(name, "content-length")) continue;
        break;
      case 17:
        if (text::equals_nocase(name, "transfer-encoding")) continue;
        break;
      default:
        break;
    }
    if (!text::is_token(name)) continue;
    append_name(out, name);
    out.append(": ");
    append_value(out, value);
    out.append("\r\n");
  }
  return seen;
}

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  out.append(text.data(), end);
}

void append_chunk_line(std::string& out, std::size_t size) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), size, 16).ptr;
  out.append(text.data(), end);
  out.append("\r\n");
}

void append_framing(std::string& out, Framing framing, std::uint64_t length) {
  if (framing == Framing::length) {
    out.append("Content-Length: ");
    append_number(out, length);
    out.append("\r\n");
  } else if (framing == Framing::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
}

void append_status_line(std::string& out, unsigned status) {
  if (status == 200) {
    out.append("HTTP/1.1 200 OK\r\n");
    return;
  }
  out.append("HTTP/1.1 ");
  append_number(out, status);
  out.push_back(' ');
  const auto reason = status_text(status);
  if (reason.empty()) {
    out.append("status code ");
    append_number(out, status);
  } else {
    out.append(reason);
  }
  out.append("\r\n");
}

std::string_view http_date() {
  thread_local std::time_t made = 0;
  thread_local std::array<char, 40> text;
  thread_local std::size_t size = 0;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != made) {
    made = now.tv_sec;
    std::tm parts{};
    ::gmtime_r(&made, &parts);
    static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::array<const char*, 12> months{
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    size = static_cast<std::size_t>(std::snprintf(
        text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
        days[static_cast<std::size_t>(parts.tm_wday)], parts.tm_mday,
        months[static_cast<std::size_t>(parts.tm_mon)], parts.tm_year + 1900, parts.tm_hour,
        parts.tm_min, parts.tm_sec
    ));
  }
  return {text.data(), size};
}

Framing request_framing(const RequestHead& head) {
  if (head.has_body) return head.content_length ? Framing::length : Framing::chunked;
  const bool expects = head.method == "POST" || head.method == "PUT" || head.method == "PATCH";
  return expects ? Framing::length : Framing::none;
}

bool append_request(std::string& out, const RequestHead& head, std::string_view host) {
  if (!text::is_token(head.method)) return false;
  out.append(head.method);
  out.push_back(' ');
  if (head.target.empty()) out.push_back('/');
  for (const char c : head.target) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte == 0x7f) {
      constexpr std::string_view digits = "0123456789ABCDEF";
      out.push_back('%');
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    } else {
      out.push_back(c);
    }
  }
  out.append(" HTTP/1.1\r\nHost: ");
  append_value(out, head.authority.empty() ? host : std::string_view(head.authority));
  out.append("\r\n");
  append_fields(out, head.headers);
  append_framing(out, request_framing(head), head.has_body ? head.content_length.value_or(0) : 0);
  out.append("\r\n");
  return true;
}

}  // namespace mecha::net
