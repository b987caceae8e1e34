#include "components/bindings/smtp_session.hpp"

#include <array>

#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

constexpr std::size_t kLineMax = 4096;
constexpr int kLinesMax = 128;

bool is_this_machine(std::string_view host) { return host == "localhost" || host == "127.0.0.1" || host == "::1"; }

}  // namespace

Async<std::string> SmtpSession::line() {
  for (;;) {
    if (const auto end = unread_.find("\r\n"); end != std::string::npos) {
      auto text = unread_.substr(0, end);
      unread_.erase(0, end + 2);
      co_return text;
    }
    if (unread_.size() > kLineMax) co_return fail(Code::unavailable, "smtp: a line of the server is too long");
    std::array<char, 1024> room{};
    MECHA_CO_TRY(const auto size, co_await wire_->read_some(room.data(), room.size()));
    if (size == 0) co_return fail(Code::unavailable, "smtp: the server closed the connection");
    unread_.append(room.data(), size);
  }
}

Async<SmtpSession::Reply> SmtpSession::reply() {
  Reply out;
  for (int lines = 0; lines < kLinesMax; ++lines) {
    MECHA_CO_TRY(const auto text, co_await line());
    const auto code = text::to_uint(text.substr(0, 3));
    if (text.size() < 3 || !code) co_return fail(Code::unavailable, "smtp: the server sent no reply: " + text::quote(text));
    out.code = static_cast<int>(*code);
    if (!out.text.empty()) out.text += '\n';
    if (text.size() > 4) out.text += text.substr(4);
    if (text.size() == 3 || text[3] != '-') co_return out;
  }
  co_return fail(Code::unavailable, "smtp: a reply of the server is too long");
}

Async<SmtpSession::Reply> SmtpSession::command(std::string text, int expected) {
  text += "\r\n";
  MECHA_CO_TRY_VOID(co_await wire_->write(text));
  MECHA_CO_TRY(auto got, co_await reply());
  if (got.code / 100 != expected) co_return fail(Code::unavailable, std::to_string(got.code) + " " + got.text);
  co_return std::move(got);
}

bool SmtpSession::offers(std::string_view extension, std::string_view word) const {
  for (const auto one : text::split(extensions_, '\n')) {
    const auto words = text::split(one, ' ');
    if (words.front() != extension) continue;
    if (word.empty()) return true;
    for (const auto other : words) {
      if (other == word) return true;
    }
  }
  return false;
}

Async<void> SmtpSession::greet() {
  MECHA_CO_TRY(const auto hello, co_await command("EHLO localhost", 2));
  extensions_ = text::upper(hello.text);
  co_return Result<void>{};
}

Async<void> SmtpSession::open(std::chrono::milliseconds limit) {
  MECHA_CO_TRY(wire_, co_await net::Wire::dial(server_.origin, server_.tls_first ? server_.tls : nullptr, limit));
  secure_ = server_.tls_first;
  MECHA_CO_TRY(const auto greeting, co_await reply());
  if (greeting.code != 220) co_return fail(Code::unavailable, std::to_string(greeting.code) + " " + greeting.text);
  MECHA_CO_TRY_VOID(co_await greet());
  if (!secure_ && offers("STARTTLS")) {
    MECHA_CO_TRY_VOID(co_await command("STARTTLS", 2));
    // What came in the clear after the reply is not the server's word.
    if (!unread_.empty()) co_return fail(Code::unavailable, "smtp: bytes in the clear before TLS");
    MECHA_CO_TRY_VOID(co_await wire_->start_tls(server_.tls, server_.origin.host, limit));
    secure_ = true;
    MECHA_CO_TRY_VOID(co_await greet());
  }
  if (!server_.user.empty()) MECHA_CO_TRY_VOID(co_await log_in());
  co_return Result<void>{};
}

Async<void> SmtpSession::log_in() {
  if (!secure_ && !is_this_machine(server_.origin.host)) {
    co_return fail(Code::failed_precondition, "smtp: the server offers no TLS: the password is not sent in the clear");
  }
  const auto& password = server_.password.reveal();
  if (offers("AUTH", "PLAIN")) {
    const auto text = std::string(1, '\0') + server_.user + std::string(1, '\0') + password;
    MECHA_CO_TRY_VOID(co_await command("AUTH PLAIN " + text::base64(text), 2));
  } else if (offers("AUTH", "LOGIN")) {
    MECHA_CO_TRY_VOID(co_await command("AUTH LOGIN", 3));
    MECHA_CO_TRY_VOID(co_await command(text::base64(server_.user), 3));
    MECHA_CO_TRY_VOID(co_await command(text::base64(password), 2));
  } else {
    co_return fail(Code::failed_precondition, "smtp: the server offers no login by PLAIN or LOGIN");
  }
  co_return Result<void>{};
}

Async<void> SmtpSession::send(std::string from, std::vector<std::string> to, std::string text) {
  MECHA_CO_TRY_VOID(co_await command("MAIL FROM:<" + from + ">", 2));
  for (const auto& address : to) MECHA_CO_TRY_VOID(co_await command("RCPT TO:<" + address + ">", 2));
  MECHA_CO_TRY_VOID(co_await command("DATA", 3));
  MECHA_CO_TRY_VOID(co_await wire_->write(text));
  MECHA_CO_TRY_VOID(co_await command(".", 2));
  co_return Result<void>{};
}

asio::awaitable<void> SmtpSession::quit() { (void)co_await command("QUIT", 2); }

}  // namespace mecha::bindings
