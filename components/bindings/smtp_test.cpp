// bindings.smtp: how mails are written, and what is refused before a server is asked. The way to a real server, with STARTTLS
// and logins: tests/api/test_smtp.py.

#include "components/bindings/smtp_message.hpp"
#include "components/catalog.hpp"
#include "tests/catch.hpp"
#include "tests/conformance/binding_suite.hpp"

namespace mecha::bindings {
void register_smtp(Catalog& catalog);
}

using namespace mecha;
using namespace mecha::bindings;
using conformance::BindingBench;

namespace {

BindingBench bench(BindingBench::Settings more = {}) {
  more.merge(BindingBench::Settings{{"host", "127.0.0.1"}, {"port", "1"}});
  return {register_smtp, "bindings.smtp", std::move(more)};
}

}  // namespace

TEST_CASE("a mail is written in lines that every server takes", "[bindings][smtp]") {
  const Mail mail{.from = "Jo <a@x>", .to = {"b@x", "Zoë <c@x>"}, .cc = {"d@x"}, .bcc = {"e@x"}, .subject = "hi", .html = std::string(58, 'a'), .priority = 1};
  CHECK(mail_text(mail, "DATE").value() ==
        "MIME-Version: 1.0\r\nDate: DATE\r\nFrom: Jo <a@x>\r\nTo: b@x,\r\n =?UTF-8?B?Wm/Dqw==?= <c@x>\r\nCc: d@x\r\nSubject: hi\r\nX-priority: 1\r\n"
        "Content-Type: text/html; charset=UTF-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh\r\nYQ==\r\n");
  Mail long_subject = mail;
  long_subject.subject.clear();
  for (int i = 0; i < 30; ++i) long_subject.subject += "€";
  const auto text = mail_text(long_subject, "D").value();
  CHECK(text.find("Subject: =?UTF-8?B?") != std::string::npos);
  CHECK(text.find("?=\r\n =?UTF-8?B?") != std::string::npos);
}

TEST_CASE("addresses and subjects cannot add lines or commands", "[bindings][smtp]") {
  CHECK(bare_address("Jo <a@x>").value() == "a@x");
  for (const auto* wrong : {"", "a", "a b@x", "a@x\r\nRCPT TO:<b@x>", "Jo\n <a@x>", "ä@x", "<a@x> b"}) {
    INFO(wrong);
    CHECK_FALSE(bare_address(wrong).has_value());
  }
  CHECK_FALSE(mail_text({.from = "a@x", .to = {"b@x"}, .subject = "a\r\nBcc: c@x"}, "D").has_value());
  CHECK(address_list(" a@x ;; b@x") == std::vector<std::string>{"a@x", "b@x"});
}

TEST_CASE("bindings.smtp says what it lacks", "[bindings][smtp]") {
  CHECK(bench({{"user", "u"}}).start_error() == "smtp binding error: both user and password fields are required in metadata");
  auto smtp = bench({{"emailFrom", "a@x"}});
  smtp.start();
  CHECK(smtp.output().operations() == std::vector<std::string>{"create"});
  const std::string rest = " property not supplied in configuration- or request-metadata";
  CHECK(smtp.refusal("create", "x") == "smtp binding error: emailTo" + rest);
  CHECK(smtp.refusal("create", "x", {{"emailTo", "b@x"}}) == "smtp binding error: subject" + rest);
  CHECK(smtp.refusal("create", "x", {{"emailTo", "b@x"}, {"subject", "s"}, {"priority", "6"}}) ==
        "smtp binding error:  priority value must be between 1 (highest) and 5 (lowest)");
  CHECK(smtp.refusal("create", "x", {{"emailTo", "b@x"}, {"subject", "s"}}).find("error from smtp binding, sending email failed: dial tcp 127.0.0.1:1") == 0);
}
