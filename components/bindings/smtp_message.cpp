#include "components/bindings/smtp_message.hpp"

#include <algorithm>

#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

constexpr std::size_t kWordBytes = 45;   // of an encoded word: 60 letters of base64
constexpr std::size_t kLineBytes = 57;   // 76 letters of base64

bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

bool breaks_lines(std::string_view text) { return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos; }

// RFC 2047: words of base64 that end between characters.
std::string encoded_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    auto size = std::min(text.size(), kWordBytes);
    while (size < text.size() && size > 1 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
    if (!out.empty()) out += "\r\n ";
    out += "=?UTF-8?B?" + text::base64(text.substr(0, size)) + "?=";
    text.remove_prefix(size);
  }
  return out;
}

// "Name <a@b>" with a name that every server takes.
std::string shown_address(std::string_view address) {
  const auto open = address.rfind('<');
  if (is_plain(address) || open == std::string_view::npos) return std::string(address);
  return encoded_words(text::trim(address.substr(0, open))) + " " + std::string(address.substr(open));
}

void append_list(std::string& out, std::string_view name, const std::vector<std::string>& list) {
  if (list.empty()) return;
  std::vector<std::string> shown;
  for (const auto& address : list) shown.push_back(shown_address(address));
  out.append(name).append(": ").append(text::join(shown, ",\r\n ")).append("\r\n");
}

}  // namespace

std::vector<std::string> address_list(std::string_view text) {
  std::vector<std::string> list;
  for (const auto part : text::split(text, ';')) {
    if (const auto address = text::trim(part); !address.empty()) list.emplace_back(address);
  }
  return list;
}

Result<std::string> bare_address(std::string_view address) {
  auto bare = address;
  if (const auto open = address.rfind('<'); open != std::string_view::npos && address.ends_with('>')) {
    bare = address.substr(open + 1, address.size() - open - 2);
  }
  const bool fits = is_plain(bare) && bare.find('@') != std::string_view::npos && bare.find_first_of(" <>") == std::string_view::npos;
  if (fits && !breaks_lines(address)) return std::string(bare);
  return fail(Code::invalid_argument, "smtp binding error: this is no address that can be used: " + text::quote(address));
}

Result<std::string> mail_text(const Mail& mail, std::string_view date) {
  for (const auto* list : {&mail.to, &mail.cc, &mail.bcc}) {
    for (const auto& address : *list) MECHA_TRY_VOID(bare_address(address));
  }
  MECHA_TRY_VOID(bare_address(mail.from));
  if (breaks_lines(mail.subject)) return fail(Code::invalid_argument, "smtp binding error: the subject must be one line");
  std::string out = "MIME-Version: 1.0\r\nDate: " + std::string(date) + "\r\n";
  append_list(out, "From", {mail.from});
  append_list(out, "To", mail.to);
  append_list(out, "Cc", mail.cc);
  out += "Subject: " + (is_plain(mail.subject) && mail.subject.size() < 900 ? mail.subject : encoded_words(mail.subject)) + "\r\n";
  out += "X-priority: " + std::to_string(mail.priority) + "\r\n";
  out += "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  for (std::size_t at = 0; at < mail.html.size(); at += kLineBytes) {
    out += text::base64(std::string_view(mail.html).substr(at, kLineBytes)) + "\r\n";
  }
  return out;
}

}  // namespace mecha::bindings
