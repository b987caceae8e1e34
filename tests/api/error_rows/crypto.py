"""Errors of the cryptography API: contract 02, 6.1, 6.2 and 6.4. None carries details over gRPC."""
import base64

from error_rows.row import Row

BASE, SUBTLE = "/v1.0-alpha1/crypto/", "/v1.0-alpha1/subtlecrypto/"
KEY, FAILED = {"dapr-key-name": "rsa.pem", "dapr-key-wrap-algorithm": "RSA"}, "failed to perform operation: "
OPTIONS = {"componentName": "keys", "keyName": "rsa.pem", "keyWrapAlgorithm": "RSA"}


def encrypt(name, code, status, rpc, message, headers=KEY, options=OPTIONS, component="keys", **more):
    return Row(name, code, status, rpc, message, ("PUT", f"{BASE}{component}/encrypt", b"text", headers) if headers is not None else None,
               ("EncryptAlpha1", [{"options": options, "payload": {"data": base64.b64encode(b"text").decode()}}]) if options is not None else None, **more)


def decrypt(name, document, cause, code="ERR_CRYPTO", **more):
    return Row(name, code, 500, "INTERNAL", (FAILED if code == "ERR_CRYPTO" else "") + cause, ("PUT", BASE + "keys/decrypt", document),
               ("DecryptAlpha1", [{"options": {"componentName": "keys"}, "payload": {"data": base64.b64encode(document).decode()}}]), **more)


def stream(name, rpc, message, *messages, code="ERR_CRYPTO", method="EncryptAlpha1"):
    """What only a stream can do wrong."""
    return Row(name, code, 0, rpc, message, None, (method, list(messages)))


def subtle(name, code, status, rpc, message, path, method, ask, **more):
    return Row(f"subtle: {name}", code, status, rpc, message, ("POST", SUBTLE + path, {k: v for k, v in ask.items() if k != "componentName"}), (method, ask), **more)


SUBTLE_CALLS = {
    "getkey": ("SubtleGetKeyAlpha1", {"componentName": "keys", "name": "rsa.pem"}, None),
    "encrypt": ("SubtleEncryptAlpha1", {"componentName": "keys", "keyName": "lost", "algorithm": "RSA"}, "failed to encrypt"),
    "decrypt": ("SubtleDecryptAlpha1", {"componentName": "keys", "keyName": "lost", "algorithm": "RSA"}, "failed to decrypt"),
    "wrapkey": ("SubtleWrapKeyAlpha1", {"componentName": "keys", "keyName": "lost", "algorithm": "RSA"}, "failed to wrap key"),
    "unwrapkey": ("SubtleUnwrapKeyAlpha1", {"componentName": "keys", "keyName": "lost", "algorithm": "RSA"}, "failed to unwrap key"),
    "sign": ("SubtleSignAlpha1", {"componentName": "keys", "keyName": "lost", "algorithm": "RS256"}, "failed to sign"),
    "verify": ("SubtleVerifyAlpha1", {"componentName": "keys", "keyName": "lost", "algorithm": "RS256"}, "failed to verify signature"),
}
DATA = base64.b64encode(b"text").decode()
ROWS = [
    encrypt("no provider", "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED", 500, "INTERNAL", "crypto providers not configured", stage="bare"),
    encrypt("unknown provider", "ERR_CRYPTO_PROVIDER_NOT_FOUND", 400, "INVALID_ARGUMENT", "crypto provider nope not found", component="nope", options={**OPTIONS, "componentName": "nope"}),
    encrypt("no component name", "ERR_BAD_REQUEST", 400, "INVALID_ARGUMENT", "invalid request: missing component name", headers=None, options={**OPTIONS, "componentName": ""}),
    encrypt("unknown provider comes before the headers", "ERR_CRYPTO_PROVIDER_NOT_FOUND", 400, "", "crypto provider nope not found", headers={}, component="nope", options=None),
    encrypt("no key name, header", "ERR_BAD_REQUEST", 400, "", "invalid request: missing header 'dapr-key-name'", headers={"dapr-key-wrap-algorithm": "RSA"}, options=None),
    encrypt("no algorithm, header", "ERR_BAD_REQUEST", 400, "", "invalid request: missing header 'dapr-key-wrap-algorithm'", headers={"dapr-key-name": "rsa.pem"}, options=None),
    encrypt("no key name, property", "ERR_BAD_REQUEST", 400, "INVALID_ARGUMENT", "invalid request: missing property 'keyName' in the options message", headers=None,
            options={"componentName": "keys", "keyWrapAlgorithm": "RSA"}),
    encrypt("no algorithm, property", "ERR_BAD_REQUEST", 400, "INVALID_ARGUMENT", "invalid request: missing property 'keyWrapAlgorithm' in the options message", headers=None,
            options={"componentName": "keys", "keyName": "rsa.pem"}),
    encrypt("bad algorithm", "ERR_CRYPTO", 500, "INTERNAL", FAILED + "option Algorithm is not valid: algorithm ROT13 is not supported",
            headers={**KEY, "dapr-key-wrap-algorithm": "rot13"}, options={**OPTIONS, "keyWrapAlgorithm": "rot13"}),
    encrypt("bad cipher", "ERR_CRYPTO", 500, "INTERNAL", FAILED + "option Cipher is not valid: cipher ROT13 is not supported",
            headers={**KEY, "dapr-data-encryption-cipher": "rot13"}, options={**OPTIONS, "dataEncryptionCipher": "rot13"}),
    encrypt("unknown key", "ERR_CRYPTO", 500, "INTERNAL", FAILED + "failed to wrap the file key: ...",
            headers={**KEY, "dapr-key-name": "lost.pem"}, options={**OPTIONS, "keyName": "lost.pem"}),

    decrypt("unsupported scheme", b"dapr.io/enc/v9\nx\ny\n", "invalid header: unsupported scheme"),
    decrypt("no format", b"text", "invalid header: ..."),
    decrypt("no manifest", b"dapr.io/enc/v1\n", "invalid header: manifest not found"),
    decrypt("no code", b'dapr.io/enc/v1\n{"k":"rsa.pem","kw":2,"wfk":"AAAA","cph":1,"np":"AAAAAAA="}\n', "invalid header: message authentication code not found"),
    decrypt("bad manifest", b"dapr.io/enc/v1\n{}\nAAAA\n", "invalid header: invalid manifest"),

    stream("no message", "INTERNAL", FAILED + "error receiving the first message: EOF"),
    stream("no options", "INVALID_ARGUMENT", "invalid request: first message does not contain the required options", {"payload": {"data": DATA}}, code="ERR_BAD_REQUEST"),
    stream("options again", "INTERNAL", FAILED + "options found in non-leading message", {"options": OPTIONS}, {"options": OPTIONS}),
    stream("wrong sequence", "INTERNAL", FAILED + "invalid sequence number received: 3 (expected: 0)", {"options": OPTIONS}, {"payload": {"data": DATA, "seq": 3}}),
    stream("decrypt: no message", "INTERNAL", FAILED + "error receiving the first message: EOF", method="DecryptAlpha1"),
    stream("decrypt: no options", "INVALID_ARGUMENT", "invalid request: first message does not contain the required options", {"payload": {"data": DATA}},
           code="ERR_BAD_REQUEST", method="DecryptAlpha1"),

    *(subtle(f"{path}, off", "ERR_API_UNIMPLEMENTED", 501, "UNIMPLEMENTED", "this API is currently not implemented", f"keys/{path}", method, ask)
      for path, (method, ask, _) in SUBTLE_CALLS.items()),
    *(Row(f"subtle: {path}, no message", "ERR_MALFORMED_REQUEST", 400, "", "failed deserializing HTTP body: ...", ("POST", f"{SUBTLE}keys/{path}", b"["))
      for path in SUBTLE_CALLS),
    *(subtle(f"{path}, unknown provider", "ERR_CRYPTO_PROVIDER_NOT_FOUND", 400, "INVALID_ARGUMENT", "crypto provider nope not found", f"nope/{path}", method,
             {**ask, "componentName": "nope"}, stage="subtle") for path, (method, ask, _) in SUBTLE_CALLS.items()),
    *(subtle(f"{path}, unknown key", "ERR_CRYPTO", 500, "INTERNAL", FAILED + text, f"keys/{path}", method, ask, stage="subtle")
      for path, (method, ask, text) in SUBTLE_CALLS.items() if text),
    subtle("getkey, unknown key", "ERR_CRYPTO_KEY", 500, "INTERNAL", "failed to retrieve key lost: ...", "keys/getkey", "SubtleGetKeyAlpha1", {"componentName": "keys", "name": "lost"}, stage="subtle"),
    subtle("getkey, format", "ERR_BAD_REQUEST", 400, "INVALID_ARGUMENT", "invalid request: invalid key format", "keys/getkey", "SubtleGetKeyAlpha1",
           {"componentName": "keys", "name": "rsa.pem", "format": 7}, stage="subtle"),
    Row("a body over the limit", "ERROR", 500, "RESOURCE_EXHAUSTED", "stream too large", ("PUT", BASE + "keys/encrypt", b"x" * 70000, KEY),
        ("EncryptAlpha1", [{"options": OPTIONS, "payload": {"data": base64.b64encode(b"x" * 70000).decode()}}]), rpc_message="...", stage="small"),
]
UNPROVOKED = []
