// SmtpSession: one connection to a mail server, for one mail (RFC 5321, STARTTLS of RFC 3207, AUTH of RFC 4954). Lives on one
// shard.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/secret.hpp"
#include "runtime/net/wire.hpp"

namespace mecha::bindings {

struct SmtpServer {
  net::Origin origin;
  std::shared_ptr<net::TlsContext> tls;
  bool tls_first = false;  // from the first byte; else when the server offers STARTTLS
  std::string user;        // empty: no login
  Secret password;
};

class SmtpSession {
 public:
  explicit SmtpSession(const SmtpServer& server) : server_(server) {}  // which outlives it

  // Connects, greets, secures and logs in. A password is not sent in the clear but to this machine.
  Async<void> open(std::chrono::milliseconds limit);
  // `text` as mail_text() makes it. Fails when the server refuses anything; then nobody gets the mail.
  Async<void> send(std::string from, std::vector<std::string> to, std::string text);
  asio::awaitable<void> quit();

 private:
  struct Reply {
    int code = 0;
    std::string text;  // lines joined by "\n"
  };
  Async<std::string> line();
  Async<Reply> reply();
  // Sends a command and takes the reply; an error unless its code begins with the digit of `expected`.
  Async<Reply> command(std::string text, int expected);
  Async<void> greet();
  Async<void> log_in();
  bool offers(std::string_view extension, std::string_view word = {}) const;

  const SmtpServer& server_;
  std::unique_ptr<net::Wire> wire_;
  std::string unread_;
  std::string extensions_;  // of EHLO, upper case
  bool secure_ = false;
};

}  // namespace mecha::bindings
