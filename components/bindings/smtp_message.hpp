// Mails as bindings.smtp writes them: HTML, in UTF-8, fit for every server.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.hpp"

namespace mecha::bindings {

struct Mail {
  std::string from;
  std::vector<std::string> to, cc, bcc;
  std::string subject, html;
  int priority = 3;
};

// The parts of a list separated by ';', without blanks around them.
std::vector<std::string> address_list(std::string_view text);
// "a@b" of "Name <a@b>". Fails for what could break a command or needs an extension of servers.
Result<std::string> bare_address(std::string_view address);
// Head and body with CRLF, ended by one; no line begins with a dot. `date` as in RFC 5322. Bcc is left out.
Result<std::string> mail_text(const Mail& mail, std::string_view date);

}  // namespace mecha::bindings
