"""bindings.aws.s3 against a small server that computes each signature (Signature Version 4) by itself from what arrived."""
import hashlib, hmac, threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from urllib.request import urlopen
from urllib.error import HTTPError
from xml.sax.saxutils import escape

import pytest

from sidecar import component

KEY, SECRET = "AKIDEXAMPLE", "a/secret+key"


def hashed(data):
    return hashlib.sha256(data).hexdigest()


def signature(request, scope, date, names, query, body_hash):
    """What the signature must be for a request as the server sees it."""
    path = quote(unquote(urlsplit(request.path).path), safe="/~")
    pairs = "&".join(f"{quote(k, safe='~')}={quote(v, safe='~')}" for k, v in sorted(query))
    headers = "".join(f"{name}:{request.headers[name].strip()}\n" for name in names)
    canonical = "\n".join([request.command, path, pairs, headers, ";".join(names), body_hash])
    key = ("AWS4" + SECRET).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    words = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed(canonical.encode())}"
    return hmac.new(key, words.encode(), hashlib.sha256).hexdigest()


class S3(BaseHTTPRequestHandler):
    """One bucket in memory, for requests in path style whose signature fits."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def refuse(self, status, code):
        self.reply(status, f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode())
        return False

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def checked(self, body):
        query = parse_qsl(urlsplit(self.path).query, keep_blank_values=True)
        asked = dict(query)
        if "X-Amz-Signature" in asked:
            credential, date, given, body_hash = asked["X-Amz-Credential"], asked["X-Amz-Date"], asked["X-Amz-Signature"], "UNSIGNED-PAYLOAD"
            names = asked["X-Amz-SignedHeaders"].split(";")
            query = [pair for pair in query if pair[0] != "X-Amz-Signature"]
            ends = datetime.strptime(date, "%Y%m%dT%H%M%S%z") + timedelta(seconds=int(asked["X-Amz-Expires"]))
            if ends < datetime.now(timezone.utc):
                return self.refuse(403, "AccessDenied")
        else:
            parts = dict(part.split("=", 1) for part in self.headers["Authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(","))
            credential, given, names = parts["Credential"], parts["Signature"], parts["SignedHeaders"].split(";")
            date, body_hash = self.headers["X-Amz-Date"], self.headers["X-Amz-Content-Sha256"]
            if body_hash != hashed(body) or not {"host", "x-amz-date", "x-amz-content-sha256"} <= set(names):
                return self.refuse(400, "BadDigest")
        key, scope = credential.split("/", 1)
        if key != KEY or scope != f"{date[:8]}/eu-west-2/s3/aws4_request":
            return self.refuse(403, "InvalidAccessKeyId")
        return given == signature(self, scope, date, names, query, body_hash) or self.refuse(403, "SignatureDoesNotMatch")

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not self.checked(body):
            return
        objects, name = self.server.objects, unquote(urlsplit(self.path).path.removeprefix("/bucket/"))
        if self.command == "PUT":
            objects[name] = (body, self.headers.get("X-Amz-Security-Token"))
            self.reply(200, x_amz_version_id="v7")
        elif self.command == "DELETE":
            objects.pop(name, None)
            self.reply(204)
        elif name == "":
            found = "".join(f"<Contents><Key>{escape(one)}</Key><Size>{len(objects[one][0])}</Size></Contents>" for one in sorted(objects))
            self.reply(200, f"<ListBucketResult><Name>bucket</Name>{found}</ListBucketResult>".encode())
        elif name in objects:
            self.reply(200, objects[name][0])
        else:
            self.refuse(404, "NoSuchKey")

    do_GET = do_PUT = do_DELETE = handle_any


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), S3)
    made.objects = {}
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def call(launch, server):
    def start(**settings):
        settings = {"bucket": "bucket", "region": "eu-west-2", "endpoint": f"http://127.0.0.1:{server.server_port}", "forcePathStyle": "true",
                    "accessKey": KEY, "secretKey": SECRET, **settings}
        one = launch.sidecar("myapp", resources=[component("s3", "bindings.aws.s3", **settings)])
        return lambda operation, data=None, **metadata: one.post("/v1.0/bindings/s3", {"operation": operation, "data": data, "metadata": metadata})
    return start


def test_signed_requests_are_taken_and_a_wrong_secret_is_not(call, server):
    s3 = call()
    key = "a folder/ä+b&c=d~'(1)*.txt"
    made = s3("create", "text", key=key)
    assert made.status == 200 and made.header("metadata.key") == key.encode().decode("latin-1")
    assert made.json == {"location": f"http://127.0.0.1:{server.server_port}/bucket/{quote(key, safe='/~')}", "versionID": "v7"}
    assert server.objects == {key: (b"text", None)}
    assert s3("get", key=key).body == b"text"
    listed = s3("list", {"prefix": "ä &"})
    assert listed.status == 200, listed.body
    assert [one["Key"] for one in listed.json["Contents"]] == [key]
    assert (s3("delete", key=key).status, server.objects) == (204, {})
    assert s3("get", key=key).error() == (500, "ERR_INVOKE_OUTPUT_BINDING", "error invoking output binding s3: object not found")
    wrong = call(secretKey="another")
    assert "SignatureDoesNotMatch" in wrong("create", "x", key="k").error()[2]


def test_a_presigned_url_opens_the_object_until_it_is_changed_or_over(call, server):
    s3 = call()
    url = s3("create", "text", key="a b", presignTTL="1m").json["presignURL"]
    assert urlopen(url).read() == b"text"
    assert s3("presign", key="a b", presignTTL="1m").json.keys() == {"presignURL"}
    for other in (url.replace("a%20b", "c"), url.replace("X-Amz-Expires=60", "X-Amz-Expires=61")):
        with pytest.raises(HTTPError, match="403"):
            urlopen(other)


def test_the_token_of_a_session_goes_along(call, server):
    assert call(sessionToken="a token")("create", "x", key="k").status == 200
    assert server.objects["k"] == (b"x", "a token")
