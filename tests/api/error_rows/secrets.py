"""Errors of the secrets API: contract 02, 3.1. None carries details over gRPC."""
from error_rows.row import Row

BASE = "/v1.0/secrets/"


def one(name, status, rpc, code, message, store, key, **more):
    return Row(name, code, status, rpc, message, ("GET", f"{BASE}{store}/{key}"), ("GetSecret", {"storeName": store, "key": key}), **more)


def every(name, status, rpc, code, message, store, **more):
    return Row(f"{name}, bulk", code, status, rpc, message, ("GET", f"{BASE}{store}/bulk"), ("GetBulkSecret", {"storeName": store}), **more)


NONE = (500, "FAILED_PRECONDITION", "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured")
UNKNOWN = (401, "INVALID_ARGUMENT", "ERR_SECRET_STORE_NOT_FOUND", "failed finding secret store with key nope")
ROWS = [
    one("no store", *NONE, "nope", "k", stage="bare"),
    every("no store", *NONE, "nope", stage="bare"),
    one("unknown store", *UNKNOWN, "nope", "k"),
    every("unknown store", *UNKNOWN, "nope"),
    one("denied by a scope", 403, "PERMISSION_DENIED", "ERR_PERMISSION_DENIED", 'access denied by policy to get "hidden" from "secrets"', "secrets", "hidden"),
    one("denied and missing", 403, "PERMISSION_DENIED", "ERR_PERMISSION_DENIED", 'access denied by policy to get "nothing" from "secrets"', "secrets", "nothing"),
    one("missing", 500, "INTERNAL", "ERR_SECRET_GET", "failed getting secret with key lost from secret store secrets: ...", "secrets", "lost"),
    every("a store that fails", 500, "INTERNAL", "ERR_SECRET_GET", "failed getting secrets from secret store vault: ...", "vault"),
    one("a store that fails", 500, "INTERNAL", "ERR_SECRET_GET", "failed getting secret with key k from secret store vault: ...", "vault", "k"),
    Row("a body that is no message", "ERR_MALFORMED_REQUEST", 400, "", "failed deserializing HTTP body: ...", ("GET", BASE + "secrets/open", b"[")),
    Row("a body over the limit", "ERR_BODY_READ", 400, "", "failed to read request body: stream too large", ("GET", BASE + "secrets/open", b"x" * 70000), stage="small"),
]
UNPROVOKED = []
