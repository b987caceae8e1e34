"""Errors of the lock API: contract 02, 5.1. None carries details over gRPC."""
from error_rows.row import Row

TRY, UNLOCK = "/v1.0-alpha1/lock/", "/v1.0-alpha1/unlock/"


def attempt(name, status, rpc, code, message, store, resource, owner, expiry=None, **more):
    """A try with an expiry, a release without one."""
    ask = {"resourceId": resource, "lockOwner": owner, **({"expiryInSeconds": expiry} if expiry is not None else {})}
    path, method = (UNLOCK, "UnlockAlpha1") if expiry is None else (TRY, "TryLockAlpha1")
    return Row(f"{name}, {'unlock' if expiry is None else 'lock'}", code, status, rpc, message, ("POST", path + store, ask), (method, {"storeName": store, **ask}), **more)


def both(name, *rest, store, resource, owner, **more):
    return [attempt(name, *rest, store, resource, owner, expiry, **more) for expiry in (5, None)]


BAD, NONE = (400, "INVALID_ARGUMENT", "ERR_MALFORMED_REQUEST"), (500, "FAILED_PRECONDITION", "ERR_LOCK_STORE_NOT_CONFIGURED", "lock store is not configured")
ILLEGAL = "input key/keyPrefix 'a||b' can't contain '||'"
ROWS = [
    *both("no store", *NONE, store="nope", resource="r", owner="o", stage="bare"),
    attempt("no expiry comes before no store", *BAD, "ExpiryInSeconds is not positive in lock store nope", "nope", "", "", 0, stage="bare"),
    attempt("expiry 0", *BAD, "ExpiryInSeconds is not positive in lock store lock", "lock", "r", "o", 0, stage="redis"),
    attempt("expiry below 0", *BAD, "ExpiryInSeconds is not positive in lock store lock", "lock", "r", "o", -1, stage="redis"),
    *both("no resource", *BAD, "ResourceId is empty in lock store nope", store="nope", resource="", owner="", stage="redis"),
    *both("no owner", *BAD, "LockOwner is empty in lock store nope", store="nope", resource="r", owner="", stage="redis"),
    *both("unknown store", 400, "INVALID_ARGUMENT", "ERR_LOCK_STORE_NOT_FOUND", "lock store nope not found", store="nope", resource="r", owner="o", stage="redis"),
    attempt("illegal id", 500, "INTERNAL", "ERR_TRY_LOCK", f"failed to try acquiring lock: {ILLEGAL}", "lock", "a||b", "o", 5, stage="redis"),
    attempt("illegal id", 500, "INTERNAL", "ERR_UNLOCK", f"failed to release lock: {ILLEGAL}", "lock", "a||b", "o", stage="redis"),
    attempt("a store that fails", 500, "INTERNAL", "ERR_TRY_LOCK", "failed to try acquiring lock: ...", "lock", "r", "o", 5, stage="dying"),
    attempt("a store that fails", 500, "INTERNAL", "ERR_UNLOCK", "failed to release lock: ...", "lock", "r", "o", stage="dying"),
    Row("a body that is no message", "ERR_MALFORMED_REQUEST", 400, "", "failed deserializing HTTP body: ...", ("POST", TRY + "lock", b"["), stage="redis"),
    Row("a body over the limit", "ERR_BODY_READ", 400, "", "failed to read request body: stream too large", ("POST", TRY + "lock", b"x" * 70000), stage="small"),
]
UNPROVOKED = []
