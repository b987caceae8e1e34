"""Errors of the configuration API: contract 02, 4.1 and 4.2. Over gRPC an ErrorInfo names the code."""
from error_rows.row import Row, info

PLACES = ("/v1.0/configuration/", "/v1.0-alpha1/configuration/")


def asking(name, code, status, rpc, message, store, *, subscribe=False, **more):
    """Through both prefixes over HTTP, and through the stable and the alpha method."""
    method, end = ("SubscribeConfiguration", "/subscribe?key=b&key=a") if subscribe else ("GetConfiguration", "?key=b&key=a")
    return [Row(f"{name}, {alias or 'stable'}", code, status, rpc, message, ("GET", f"{place}{store}{end}"),
                (method + alias, {"storeName": store, "keys": ["b", "a"]}), rpc_details=[info(code)], **more)
            for place, alias in zip(PLACES, ("", "Alpha1"))]


GONE = "failed to unsubscribe to configuration request no-such-id: ..."
ROWS = [
    *asking("no store", "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", 500, "FAILED_PRECONDITION", "configuration stores not configured", "nope", stage="bare"),
    *asking("no store, subscribe", "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", 500, "FAILED_PRECONDITION", "configuration stores not configured", "nope", subscribe=True, stage="bare"),
    *asking("unknown store", "ERR_CONFIGURATION_STORE_NOT_FOUND", 400, "INVALID_ARGUMENT", "configuration store nope not found", "nope", stage="redis"),
    *asking("unknown store, subscribe", "ERR_CONFIGURATION_STORE_NOT_FOUND", 400, "INVALID_ARGUMENT", "configuration store nope not found", "nope", subscribe=True, stage="redis"),
    *asking("get failed", "ERR_CONFIGURATION_GET", 500, "INTERNAL", "failed to get [b a] from Configuration store conf: ...", "conf", stage="dying"),
    *asking("subscribe failed", "ERR_CONFIGURATION_SUBSCRIBE", 500, "INVALID_ARGUMENT", "failed to subscribe [b a] from Configuration store conf: ...", "conf", subscribe=True, stage="dying",
            rpc_message="failed to subscribe [a b] from Configuration store conf: ..."),
    Row("subscribe without an application", "ERR_APP_CHANNEL_NIL", 500, "", "app channel is not initialized. cannot subscribe to configuration updates",
        ("GET", PLACES[0] + "conf/subscribe?key=a"), stage="redis"),
    Row("unsubscribe of an unknown id", "", 500, "", "...", ("GET", PLACES[0] + "conf/no-such-id/unsubscribe"), stage="redis", body={"message": GONE}),
    Row("unsubscribe from an unknown store", "ERR_CONFIGURATION_STORE_NOT_FOUND", 400, "", "configuration store nope not found", ("GET", PLACES[0] + "nope/id/unsubscribe"), stage="redis"),
]
UNPROVOKED = []
