"""Cryptography over HTTP (contract 02, section 6): long documents in little memory, sources of keys, the subtle calls, our additions."""
import base64, hashlib, http.client, json, os, subprocess

import pytest

from application import reply
from sidecar import component, wait_until

OCTETS = "YGFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6e3x9fn8"
SET = json.dumps({"keys": [{"kty": "oct", "kid": "k1", "k": OCTETS}]})
SUBTLE = "spec:\n  features:\n  - {name: SubtleCrypto, enabled: true}\n"
B64 = lambda data: base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()
MIB = 1 << 20


def openssl(*words):
    return subprocess.run(["openssl", *words], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def one(launch_module):
    keys = launch_module.folder / "keys"
    keys.mkdir()
    (keys / "k1").write_text(OCTETS)
    (keys / "sm4").write_text(B64(bytes(range(16))))
    (keys / "rsa.pem").write_text(openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-quiet"))
    (keys / "ec.pem").write_text(openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-quiet"))
    (keys / "sm2.pem").write_text(openssl("genpkey", "-algorithm", "SM2", "-quiet"))
    parts = [component("vault", "crypto.dapr.localstorage", path=str(keys)), component("set", "crypto.dapr.jwks", jwks=SET)]
    return launch_module.sidecar(resources=parts, config=SUBTLE)


def encrypt(one, body, key="k1", algorithm="A256KW", provider="vault", **headers):
    names = {"dapr-key-name": key, "dapr-key-wrap-algorithm": algorithm} | {f"dapr-{k.replace('_', '-')}": v for k, v in headers.items()}
    return one.request("PUT", f"/v1.0-alpha1/crypto/{provider}/encrypt", names, body)


def decrypt(one, body, provider="vault"):
    return one.request("PUT", f"/v1.0-alpha1/crypto/{provider}/decrypt", body=body)


def subtle(one, operation, **message):
    return one.request("POST", f"/v1.0-alpha1/subtlecrypto/vault/{operation}", json_body=message)


def test_a_document_of_one_provider_opens_with_another_that_has_the_key(one):
    document = encrypt(one, "hello").body
    assert (decrypt(one, document, "set").status, decrypt(one, document, "set").body) == (200, b"hello")


@pytest.mark.parametrize("key,algorithm,kw", [("sm4", "SM4KW", 101), ("sm2.pem", "sm2", 102), ("k1", "aes", 1), ("rsa.pem", "rsa", 5)])
@pytest.mark.parametrize("cipher,cph", [("sm4-ctr-hsm3", 101), ("chacha20-poly1305", 2), ("aes-gcm", 1)])
def test_every_wrap_goes_with_every_cipher(one, key, algorithm, kw, cipher, cph):
    text = os.urandom(150_000)
    document = encrypt(one, text, key, algorithm, data_encryption_cipher=cipher)
    assert document.status == 200
    manifest = json.loads(document.body.split(b"\n")[1])
    assert (manifest["kw"], manifest["cph"]) == (kw, cph)
    assert decrypt(one, document.body).body == text
    broken = bytearray(document.body)
    broken[-1] ^= 1
    assert decrypt(one, bytes(broken)).error() == (500, "ERROR", "error processing segment 2: failed to decrypt segment")


def resident(one):
    with open(f"/proc/{one.process.pid}/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def stream(one, path, headers, pieces, length):
    """Sends the pieces, then reads: (status, bytes read by piece)."""
    connection = http.client.HTTPConnection("127.0.0.1", one.http, timeout=120)
    connection.putrequest("PUT", path)
    for name, value in {**headers, "Content-Length": str(length)}.items():
        connection.putheader(name, value)
    connection.endheaders()
    for piece in pieces:
        connection.send(piece)
    answer = connection.getresponse()
    assert answer.status == 200
    assert int(answer.getheader("content-length")) > 0
    while piece := answer.read(MIB):
        yield piece
    connection.close()


@pytest.mark.release_only
def test_200_mb_go_through_in_bounded_memory(launch, tmp_path):
    """Also for a client that sends all before it reads, and with an answer that is only sent once it is known to be good."""
    one = launch.sidecar(resources=component("set", "crypto.dapr.jwks", jwks=SET), flags=("--max-body-size", "300Mi"))
    block, count = os.urandom(MIB), 200
    wanted = hashlib.sha256()
    for _ in range(count):
        wanted.update(block)
    document = tmp_path / "document"
    headers = {"dapr-key-name": "k1", "dapr-key-wrap-algorithm": "AES"}
    with open(document, "wb") as file:
        for piece in stream(one, "/v1.0-alpha1/crypto/set/encrypt", headers, (block for _ in range(count)), count * MIB):
            file.write(piece)
    size = document.stat().st_size
    assert size == 171 + count * MIB + 16 * (count * 16)
    got = hashlib.sha256()
    with open(document, "rb") as file:
        for piece in stream(one, "/v1.0-alpha1/crypto/set/decrypt", {}, iter(lambda: file.read(MIB), b""), size):
            got.update(piece)
    assert got.digest() == wanted.digest()
    peak = resident(one)
    print(f"peak memory {peak / MIB:.1f} MiB")
    assert peak < 48 * MIB


def test_a_long_document_that_is_broken_at_its_end_answers_nothing_but_the_error(launch):
    one = launch.sidecar(resources=component("set", "crypto.dapr.jwks", jwks=SET), flags=("--max-body-size", "16Mi"))
    document = bytearray(encrypt(one, os.urandom(9 * MIB), provider="set").body)
    document[-1] ^= 1
    assert decrypt(one, bytes(document), "set").error() == (500, "ERROR", "error processing segment 143: failed to decrypt segment")


def test_a_key_set_of_a_url_is_asked_for_again(launch):
    app = launch.app()
    serve = lambda **key: app.on("/jwks", reply(json_body={"keys": [{"kty": "oct", "kid": "k1", "k": OCTETS} | key]}))
    serve()
    one = launch.sidecar(resources=component("url", "crypto.dapr.jwks", jwks=f"http://127.0.0.1:{app.port}/jwks", minRefreshInterval="1s"))
    assert encrypt(one, "x", provider="url").status == 200
    serve(kid="k2")
    wait_until(lambda: encrypt(one, "x", key="k2", provider="url").status == 200, "the new key")
    assert encrypt(one, "x", provider="url").status == 500
    serve(kty="broken")
    wait_until(lambda: "the key set is not refreshed" in one.log(), "the warning")
    assert encrypt(one, "x", key="k2", provider="url").status == 200


def test_a_key_set_of_a_file_is_watched(launch):
    file = launch.folder / "set.json"
    file.write_text(SET)
    one = launch.sidecar(resources=component("file", "crypto.dapr.jwks", jwks=str(file)))
    assert encrypt(one, "x", provider="file").status == 200
    file.write_text(SET.replace('"k1"', '"renamed"'))
    assert encrypt(one, "x", key="renamed", provider="file").status == 200
    assert encrypt(one, "x", provider="file").error()[2].endswith("key not found")


def test_subtle_calls_are_not_there_unless_switched_on(launch):
    one = launch.sidecar(resources=component("vault", "crypto.dapr.jwks", jwks=SET))
    for operation in ("getkey", "encrypt", "decrypt", "wrapkey", "unwrapkey", "sign", "verify"):
        assert subtle(one, operation).error() == (501, "ERR_API_UNIMPLEMENTED", "this API is currently not implemented")
    assert "enabledFeatures" not in one.get("/v1.0/metadata").json or "SubtleCrypto" not in one.get("/v1.0/metadata").json["enabledFeatures"]


def test_subtle_encryption(one):
    assert "SubtleCrypto" in one.get("/v1.0/metadata").json["enabledFeatures"]
    more = {"algorithm": "A256GCM", "keyName": "k1", "nonce": B64(bytes(12)), "associatedData": B64("a")}
    sealed = subtle(one, "encrypt", plaintext=B64("hello"), **more)
    assert (sealed.status, sealed.header("content-type")) == (200, "application/json")
    assert subtle(one, "decrypt", **sealed.json, **more).json == {"plaintext": B64("hello")}
    assert subtle(one, "decrypt", **{**sealed.json, "tag": B64(bytes(16))}, **more).error() == (500, "ERR_CRYPTO", "failed to perform operation: failed to decrypt")
    assert subtle(one, "encrypt", plaintext=B64("x"), algorithm="a256gcm", keyName="k1", nonce=B64(bytes(12))).error() == (500, "ERR_CRYPTO", "failed to perform operation: failed to encrypt")


@pytest.mark.parametrize("key,algorithm", [("k1", "A256KW"), ("rsa.pem", "RSA-OAEP-256"), ("sm2.pem", "SM2"), ("sm4", "SM4KW")])
def test_subtle_wrapping(one, key, algorithm):
    wrapped = subtle(one, "wrapkey", plaintextKey=B64(bytes(32)), algorithm=algorithm, keyName=key)
    assert wrapped.status == 200
    assert subtle(one, "unwrapkey", wrappedKey=wrapped.json["wrappedKey"], algorithm=algorithm, key_name=key).json == {"plaintextKey": B64(bytes(32))}
    assert subtle(one, "unwrapkey", wrappedKey=B64("x"), algorithm=algorithm, keyName=key).error()[2] == "failed to perform operation: failed to unwrap key"


@pytest.mark.parametrize("key,algorithm", [("rsa.pem", "PS256"), ("ec.pem", "ES256"), ("sm2.pem", "SM2")])
def test_subtle_signatures(one, key, algorithm):
    message = {"digest": B64(bytes(32)), "algorithm": algorithm, "keyName": key}
    signature = subtle(one, "sign", **message).json["signature"]
    assert subtle(one, "verify", signature=signature, **message).json == {"valid": True}
    assert subtle(one, "verify", signature=signature, **{**message, "digest": B64(bytes(31) + b"x")}).json == {}
    assert subtle(one, "sign", **{**message, "keyName": "none"}).error() == (500, "ERR_CRYPTO", "failed to perform operation: failed to sign")


def test_subtle_keys(one):
    pem = subtle(one, "getkey", name="ec.pem").json
    assert pem["name"] == "ec.pem" and pem["publicKey"].startswith("-----BEGIN PUBLIC KEY-----\n")
    jwk = json.loads(subtle(one, "getkey", name="ec.pem", format="JSON").json["publicKey"])
    assert (jwk["kty"], jwk["crv"], "d" in jwk) == ("EC", "P-256", False)
    assert subtle(one, "getkey", name="k1").error() == (500, "ERR_CRYPTO_KEY", "failed to retrieve key k1: key not found")
    assert subtle(one, "getkey", name="ec.pem", format=7).error() == (400, "ERR_BAD_REQUEST", "invalid request: invalid key format")


def test_a_signature_is_one_that_openssl_knows(one, tmp_path):
    """SM2 signs the message itself, with SM3 and the user that is named where nobody is."""
    for name, data in {"message": b"hello", "signature": base64.b64decode(subtle(one, "sign", digest=B64("hello"), algorithm="SM2", keyName="sm2.pem").json["signature"]),
                       "key": subtle(one, "getkey", name="sm2.pem").json["publicKey"].encode()}.items():
        (tmp_path / name).write_bytes(data)
    checked = openssl("pkeyutl", "-verify", "-pubin", "-inkey", str(tmp_path / "key"), "-rawin", "-digest", "sm3", "-in", str(tmp_path / "message"),
                      "-sigfile", str(tmp_path / "signature"), "-pkeyopt", "distid:1234567812345678")
    assert "Signature Verified Successfully" in checked
