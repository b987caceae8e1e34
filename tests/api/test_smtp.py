"""bindings.smtp against a real mail server (aiosmtpd): in the clear, STARTTLS, logins, refusals (contract 03, 5.6)."""
import email, email.policy, ssl, subprocess

import pytest

from sidecar import component

smtpd = pytest.importorskip("aiosmtpd.controller", reason="aiosmtpd is not installed")
from aiosmtpd.smtp import AuthResult  # noqa: E402


class Box:
    """Keeps what comes; refuses mails to refused@."""

    def __init__(self):
        self.mails = []

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused@"):
            return "550 no such box"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, parsed, session.ssl is not None, session.auth_data))
        return "250 OK"


class Login:
    def __call__(self, server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (b"joe", b"s3cret")
        return AuthResult(success=good, handled=good, auth_data=data.login if good else None)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture
def server(request):
    started = []

    def start(**options):
        box = Box()
        controller = smtpd.Controller(box, hostname="127.0.0.1", port=0, ready_timeout=30, **options)
        controller.port = _free()
        controller.start()
        started.append(controller)
        return box, controller.port
    yield start
    for controller in started:
        controller.stop()


def _free():
    from sidecar import free_port
    return free_port()


def mail(one, data="<b>hi</b>", **metadata):
    return one.post("/v1.0/bindings/post", json_body={"operation": "create", "data": data, "metadata": {"emailTo": "b@x.example", "subject": "news", **metadata}})


def sidecar(launch, port, **settings):
    return launch.sidecar(resources=[component("post", "bindings.smtp", host="127.0.0.1", port=str(port), emailFrom="Jo <a@x.example>", **settings)])


def test_a_mail_reaches_everyone(launch, server):
    box, port = server()
    one = sidecar(launch, port, emailCC="c@x.example", priority="2")
    assert mail(one, emailTo="b@x.example; Zoë <b2@x.example>", emailBCC="d@x.example", subject="Grüße").status == 204
    sender, recipients, got, secure, _ = box.mails[0]
    assert (sender, recipients, secure) == ("a@x.example", ["b@x.example", "b2@x.example", "c@x.example", "d@x.example"], False)
    assert (got["From"], got["To"], got["Cc"], got["Bcc"], got["Subject"]) == ("Jo <a@x.example>", "b@x.example, Zoë <b2@x.example>", "c@x.example", None, "Grüße")
    assert (got["X-priority"], got.get_content_type(), got.get_content().strip()) == ("2", "text/html", "<b>hi</b>")
    assert mail(one).status == 204
    assert box.mails[1][1] == ["b@x.example", "c@x.example"]  # what one request names does not stay for the next


def test_long_bodies_with_dots_arrive_whole(launch, server):
    box, port = server()
    text = ".\r\n..a\r\n" * 20000
    assert mail(sidecar(launch, port), text).status == 204
    assert box.mails[0][2].get_content() == text


def test_tls_is_used_where_it_is_offered_and_the_certificate_is_checked(launch, server, certificate):
    box, port = server(tls_context=certificate)
    assert mail(sidecar(launch, port, skipTLSVerify="true")).status == 204
    assert box.mails[0][3] is True
    refused = mail(sidecar(launch, port))
    assert refused.status == 500 and "certificate" in refused.error()[2]
    assert len(box.mails) == 1


def test_logins(launch, server, certificate):
    box, port = server(tls_context=certificate, authenticator=Login(), auth_required=True, require_starttls=True)
    assert mail(sidecar(launch, port, skipTLSVerify="true", user="joe", password="s3cret")).status == 204
    assert box.mails[0][4] == b"joe"
    wrong = mail(sidecar(launch, port, skipTLSVerify="true", user="joe", password="wrong"))
    assert wrong.status == 500 and "535" in wrong.error()[2] and "wrong" not in wrong.error()[2]
    none = mail(sidecar(launch, port, skipTLSVerify="true"))
    assert none.status == 500 and "530" in none.error()[2]
    assert len(box.mails) == 1


def test_a_recipient_that_is_refused_refuses_the_mail(launch, server):
    box, port = server()
    got = mail(sidecar(launch, port), emailTo="b@x.example;refused@x.example")
    assert got.error()[1:] == ("ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding post: error from smtp binding, sending email failed: 550 no such box")
    assert box.mails == []
