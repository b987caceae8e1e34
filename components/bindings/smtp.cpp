// Output binding on a mail server (contract 03, 5.6).

#include <array>
#include <ctime>

#include "components/bindings/binding.hpp"
#include "components/bindings/smtp_message.hpp"
#include "components/bindings/smtp_session.hpp"
#include "components/catalog.hpp"
#include "runtime/async/within.hpp"
#include "runtime/base/json.hpp"
#include "runtime/base/text.hpp"

namespace mecha::bindings {
namespace {

using namespace std::chrono_literals;

constexpr auto kConnectLimit = 10s;
constexpr auto kLimit = 60s;

struct SmtpSettings {
  std::string host, user;
  std::uint16_t port = 0;
  Secret password;
  bool skip_verify = false;
  std::string from, to, cc, bcc, subject;
  int priority = 3;

  static constexpr auto fields() {
    using S = SmtpSettings;
    return std::tuple{
        field("host", &S::host, "Name or address of the server.").required("smtp binding error: host and port fields are required in metadata"),
        field("port", &S::port, "Its port. TLS from the first byte on 465, else by STARTTLS where it is offered.").required("smtp binding error: host and port fields are required in metadata"),
        field("user", &S::user, "Name of the login; needs `password`."),
        field("password", &S::password, "Password of the login; sent in the clear to this machine only."),
        field("skipTLSVerify", &S::skip_verify, "Whether any certificate is good enough."),
        field("emailFrom", &S::from, "Sender, where the request names none."),
        field("emailTo", &S::to, "Recipients, separated by `;`, where the request names none."),
        field("emailCC", &S::cc, "The same for those who get a copy."),
        field("emailBCC", &S::bcc, "The same for those whom the others do not see."),
        field("subject", &S::subject, "Subject, where the request names none."),
        field("priority", &S::priority, "1 is the highest, 5 the lowest.").between(1, 5),
    };
  }
};

std::string date_now() {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 64> out{};
  const auto size = std::strftime(out.data(), out.size(), "%a, %d %b %Y %H:%M:%S +0000", &parts);
  return {out.data(), size};
}

// A JSON text without its quotes; anything else as it is.
std::string plain_data(std::string data) {
  if (!data.starts_with('"')) return data;
  auto parsed = json::parse(data, true);
  return parsed && parsed->is_string() ? std::move(parsed->as_string()) : data;
}

class SmtpBinding final : public Binding, public OutputBinding {
 public:
  using Settings = SmtpSettings;
  static constexpr ComponentInfo info{"bindings.smtp", "v1", "Mails by a mail server."};

  SmtpBinding(Settings settings, const ComponentContext&) : settings_(std::move(settings)) {}

  OutputBinding* output() override { return this; }
  std::vector<std::string> operations() const override { return {"create"}; }

  static Result<void> check(const Settings& settings) {
    if (settings.user.empty() == settings.password.empty()) return {};
    return fail(Code::invalid_argument, "smtp binding error: both user and password fields are required in metadata");
  }

  Async<void> start() override {
    MECHA_CO_TRY_VOID(check(settings_));
    net::TlsClientOptions tls;
    tls.verify = !settings_.skip_verify;
    tls.alpn.clear();
    MECHA_CO_TRY(server_.tls, net::make_tls(tls));
    server_.origin = {.host = settings_.host, .port = settings_.port};
    server_.tls_first = settings_.port == 465;
    server_.user = settings_.user;
    server_.password = settings_.password;
    co_return Result<void>{};
  }

  asio::awaitable<InvokeOutcome> invoke(InvokeRequest request) override {
    auto mail = mail_of(std::move(request));
    if (!mail) co_return failure(std::move(mail).error());
    auto sent = co_await within(kLimit, deliver(*std::move(mail)));
    if (!sent) co_return failure(std::move(sent).error().context("error from smtp binding, sending email failed"));
    co_return no_answer();
  }

 private:
  Result<Mail> mail_of(InvokeRequest request) const {
    const auto value = [&](const char* name, const std::string& standard) {
      const auto it = request.metadata.find(name);
      return it == request.metadata.end() || it->second.empty() ? standard : it->second;
    };
    Mail mail{.from = value("emailFrom", settings_.from), .priority = settings_.priority};
    mail.to = address_list(value("emailTo", settings_.to));
    mail.cc = address_list(value("emailCC", settings_.cc));
    mail.bcc = address_list(value("emailBCC", settings_.bcc));
    mail.subject = value("subject", settings_.subject);
    for (const auto& [name, absent] :
         {std::pair("emailFrom", mail.from.empty()), std::pair("emailTo", mail.to.empty()), std::pair("subject", mail.subject.empty())}) {
      if (!absent) continue;
      return fail(
          Code::invalid_argument,
          "smtp binding error: " + std::string(name) + " property not supplied in configuration- or request-metadata"
      );
    }
    const auto priority = text::to_int(value("priority", std::to_string(mail.priority)));
    if (!priority || *priority < 1 || *priority > 5) {
      return fail(Code::invalid_argument, "smtp binding error:  priority value must be between 1 (highest) and 5 (lowest)");
    }
    mail.priority = static_cast<int>(*priority);
    mail.html = plain_data(std::move(request.data));
    return mail;
  }

  Async<void> deliver(Mail mail) const {
    MECHA_CO_TRY(auto text, mail_text(mail, date_now()));
    MECHA_CO_TRY(auto from, bare_address(mail.from));
    std::vector<std::string> recipients;
    for (const auto* list : {&mail.to, &mail.cc, &mail.bcc}) {
      for (const auto& address : *list) {
        MECHA_CO_TRY(auto bare, bare_address(address));
        recipients.push_back(std::move(bare));
      }
    }
    SmtpSession session(server_);
    MECHA_CO_TRY_VOID(co_await session.open(kConnectLimit));
    MECHA_CO_TRY_VOID(co_await session.send(std::move(from), std::move(recipients), std::move(text)));
    co_await session.quit();
    co_return Result<void>{};
  }

  Settings settings_;
  SmtpServer server_;  // set by start()
};

}  // namespace

void register_smtp(Catalog& catalog) { catalog.add<SmtpBinding>(); }

}  // namespace mecha::bindings
