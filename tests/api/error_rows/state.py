"""Errors of the state API: contract 01, 2.3 and 2.4; contract 02, 1.6 to 1.13."""
from error_rows.row import Row, bad_request, help_link, info, resource

STORES = "/v1.0/state/"
HELP = help_link("Check the list of state stores and the features they support", "https://docs.dapr.io/reference/components-reference/supported-state-stores/")


def item(key, value=b"1", **more):
    import base64
    return {"key": key, "value": base64.b64encode(value).decode(), **more}


def lookup_rows(stage, status, rpc, code, reason, words, store):
    """Every operation refuses a store in the same way; only the query shows no application."""
    save, ops = {"key": "k", "value": 1}, [{"operation": "upsert", "request": {"key": "k", "value": 1}}]
    calls = {
        "get": (("GET", f"{STORES}{store}/k"), ("GetState", {"storeName": store, "key": "k"})),
        "save": (("POST", f"{STORES}{store}", [save]), ("SaveState", {"storeName": store, "states": [item("k")]})),
        "save, PUT": (("PUT", f"{STORES}{store}", [save]), None),
        "delete": (("DELETE", f"{STORES}{store}/k"), ("DeleteState", {"storeName": store, "key": "k"})),
        "bulk get": (("POST", f"{STORES}{store}/bulk", {"keys": ["k"]}), ("GetBulkState", {"storeName": store, "keys": ["k"]})),
        "bulk delete": (None, ("DeleteBulkState", {"storeName": store, "states": [item("k")]})),
        "transaction": (("POST", f"{STORES}{store}/transaction", {"operations": ops}),
                        ("ExecuteStateTransaction", {"storeName": store, "operations": [{"operationType": "upsert", "request": item("k")}]})),
        "query": (("POST", f"/v1.0-alpha1/state/{store}/query", {}), ("QueryStateAlpha1", {"storeName": store, "query": "{}"})),
    }
    return [Row(f"{code}: {name}", code, status, rpc, f"state store {store} {words}", http, grpc, stage=stage,
                details=[info(reason, None if name == "query" else {"appID": "app"})], rpc_details=[info(reason)])
            for name, (http, grpc) in calls.items()]


def illegal(key):
    return f"input key/keyPrefix '{key}' can't contain '||'"


def illegal_row(name, http, grpc, field=None, nested=True, rpc_details=None):
    """HTTP shows the nested form of the text, gRPC the text; the details hold what the face shows."""
    plain = illegal("a||b")
    shown = "api error: code = InvalidArgument desc = " + plain if nested else plain
    end = [resource("state", "mem"), info("DAPR_STATE_ILLEGAL_KEY", None)]
    named = {"field": field} if field else {}
    return Row(f"illegal key: {name}", "ERR_MALFORMED_REQUEST", 400, "INVALID_ARGUMENT", shown, http, grpc, rpc_message=plain,
               details=[bad_request(shown, **named), *end], rpc_details=rpc_details or [bad_request(plain, field="a||b"), *end])


def failing(code, message, http, grpc, name="a broken database", rpc="INTERNAL", **more):
    more.setdefault("rpc_details", [info(code)])
    return Row(f"{code}: {name}", code, more.pop("status", 500), rpc, message, http, grpc, **more)


def transaction(store, *operations, kind="upsert"):
    return (("POST", f"{STORES}{store}/transaction", {"operations": [{"operation": kind, "request": dict(o, value=1)} for o in operations]}),
            ("ExecuteStateTransaction", {"storeName": store, "operations": [
                {"operationType": kind, "request": item(o["key"], **({"etag": {"value": o["etag"]}} if "etag" in o else {}))} for o in operations]}))


MISMATCH, INVALID = "possible etag mismatch. error from state store", "invalid etag value"


def etag_rows(store, stage, etag, status, rpc, text, deletes):
    """A wrong etag through save, delete and bulk delete; `deletes`: the store refuses it there in the same way."""
    first = (("POST", f"{STORES}{store}", [{"key": "e", "value": 1}]),)
    rows = [failing("ERR_STATE_SAVE", f"failed saving state in state store {store}: {text}",
                    ("POST", f"{STORES}{store}", [{"key": "e", "value": 1, "etag": etag}]),
                    ("SaveState", {"storeName": store, "states": [item("e", etag={"value": etag})]}),
                    name=f"etag {etag} in {store}", status=status, rpc=rpc, stage=stage, first=first)]
    if deletes:
        rows += [failing("ERR_STATE_DELETE", f"failed deleting state with key e: {text}",
                         ("DELETE", f"{STORES}{store}/e", None, {"If-Match": etag}),
                         ("DeleteState", {"storeName": store, "key": "e", "etag": {"value": etag}}),
                         name=f"etag {etag} in {store}", status=status, rpc=rpc, stage=stage, first=first),
                 failing("ERR_STATE_BULK_DELETE", f"failed deleting state in state store {store}: {text}",
                         None, ("DeleteBulkState", {"storeName": store, "states": [item("e", etag={"value": etag})]}),
                         name=f"etag {etag} in {store}", status=status, rpc=rpc, stage=stage, first=first)]
    return rows


SAVE = (STORES + "mem", "failed deserializing HTTP body: ...")
ROWS = [
    *lookup_rows("bare", 500, "FAILED_PRECONDITION", "ERR_STATE_STORE_NOT_CONFIGURED", "DAPR_STATE_NOT_CONFIGURED", "is not configured", "foo"),
    *lookup_rows("plain", 400, "INVALID_ARGUMENT", "ERR_STATE_STORE_NOT_FOUND", "DAPR_STATE_NOT_FOUND", "is not found", "foo"),

    illegal_row("get", ("GET", STORES + "mem/a%7C%7Cb"), ("GetState", {"storeName": "mem", "key": "a||b"}), field="a||b"),
    illegal_row("delete", ("DELETE", STORES + "mem/a%7C%7Cb"), ("DeleteState", {"storeName": "mem", "key": "a||b"}), field="a||b"),
    illegal_row("save", ("POST", STORES + "mem", [{"key": "a||b", "value": 1}]), ("SaveState", {"storeName": "mem", "states": [item("a||b")]}), field="a||b"),
    illegal_row("bulk get", ("POST", STORES + "mem/bulk", {"keys": ["a||b"]}), ("GetBulkState", {"storeName": "mem", "keys": ["a||b"]}), field="a||b"),
    illegal_row("bulk delete", None, ("DeleteBulkState", {"storeName": "mem", "states": [item("a||b")]})),
    illegal_row("transaction", *transaction("mem", {"key": "a||b"})),

    Row("save: no key", "ERR_MALFORMED_REQUEST", 400, "INVALID_ARGUMENT", '"key" is a required field', ("POST", SAVE[0], [{"value": 1}]),
        ("SaveState", {"storeName": "mem", "states": [item("")]}), rpc_message="state key cannot be empty", rpc_details=[info("ERR_STATE_SAVE")]),
    Row("save: not a list", "ERR_MALFORMED_REQUEST", 400, "", "...", ("POST", SAVE[0], {"key": "k"})),
    *(Row(f"save: {name}", "ERR_MALFORMED_REQUEST", 400, "", f"json: cannot unmarshal {text}", ("POST", SAVE[0], [{"key": "k", "value": 1, **item}])) for name, item, text in (
        ("a number as time to live", {"metadata": {"ttlInSeconds": 100}}, "number into Go struct field SetRequest.metadata of type string"),
        ("a number as etag", {"etag": 5}, "number into Go struct field SetRequest.etag of type string"),
        ("a list as metadata", {"metadata": []}, "array into Go struct field SetRequest.metadata of type map[string]string"),
        ("a number as concurrency", {"options": {"concurrency": 1}}, "number into Go struct field SetStateOption.options.concurrency of type string"))),
    Row("save: a time to live that is no number", "ERR_STATE_SAVE", 500, "INTERNAL", 'failed saving state in state store mem: strconv.Atoi: parsing "x": invalid syntax',
        ("POST", STORES + "mem", [{"key": "k", "value": 1, "metadata": {"ttlInSeconds": "x"}}]), ("SaveState", {"storeName": "mem", "states": [item("k", metadata={"ttlInSeconds": "x"})]}), rpc_details=[info("ERR_STATE_SAVE")]),
    *(Row(f"transaction: {name}", "ERR_MALFORMED_REQUEST", 400, "", SAVE[1][:-3] + text, ("POST", STORES + "mem/transaction", {"operations": operations})) for name, operations, text in (
        ("a number as time to live", [{"operation": "upsert", "request": {"key": 5.5, "value": 1, "metadata": {"ttlInSeconds": 1000000}}}],
         "2 error(s) decoding:\n\n* 'Key' expected type 'string', got unconvertible type 'float64', value: '5.5'\n* 'Metadata[ttlInSeconds]' expected type 'string', got unconvertible type 'float64', value: '1e+06'"),
        ("a request that is a list", [{"operation": "delete", "request": []}], "'' expected a map, got 'slice'"),
        ("options that are a text, a key that is an object", [{"operation": "upsert", "request": {"key": {"b": [1, None], "a": True}, "options": "x"}}],
         "2 error(s) decoding:\n\n* 'Key' expected type 'string', got unconvertible type 'map[string]interface {}', value: 'map[a:true b:[1 <nil>]]'\n* 'Options' expected a map, got 'string'"),
        ("operations that are an object", {}, "json: cannot unmarshal object into Go struct field stateTransactionRequestBody.operations of type []http.stateTransactionRequestBodyOperation"))),
    Row("save: not JSON", "ERR_MALFORMED_REQUEST", 400, "", "...", ("POST", SAVE[0], b"[{")),
    Row("save: no body", "ERR_MALFORMED_REQUEST", 400, "", "...", ("POST", SAVE[0], b"")),
    Row("save: body over the limit", "ERR_MALFORMED_REQUEST", 400, "RESOURCE_EXHAUSTED", "stream too large", ("POST", STORES + "mem", b'"' + b"x" * 70000 + b'"'),
        ("SaveState", {"storeName": "mem", "states": [item("k", b"x" * 70000)]}), rpc_message="...", rpc_details=[], stage="small"),
    Row("bulk get: not JSON", "ERR_MALFORMED_REQUEST", 400, "", SAVE[1], ("POST", STORES + "mem/bulk", b"{")),
    Row("transaction: not JSON", "ERR_MALFORMED_REQUEST", 400, "", SAVE[1], ("POST", STORES + "mem/transaction", b"{")),
    Row("transaction: key of a wrong type", "ERR_MALFORMED_REQUEST", 400, "", SAVE[1],
        ("POST", STORES + "mem/transaction", {"operations": [{"operation": "upsert", "request": {"key": 5, "value": 1}}]})),
    Row("query: not JSON", "ERR_STATE_STORE_NOT_SUPPORTED", 500, "INTERNAL", "state store does not support querying", ("POST", "/v1.0-alpha1/state/mem/query", b"{"),
        ("QueryStateAlpha1", {"storeName": "mem", "query": "{"}), details=[resource("state", "mem"), info("DAPR_STATE_QUERYING_NOT_SUPPORTED", None)]),

    Row("unknown concurrency", "ERR_STATE_SAVE", 500, "", "failed saving state in state store mem: unrecognized concurrency model 'x'",
        ("POST", STORES + "mem", [{"key": "k", "value": 1, "options": {"concurrency": "x"}}])),
    Row("unknown consistency", "ERR_STATE_SAVE", 500, "", "failed saving state in state store mem: unrecognized consistency model 'x'",
        ("POST", STORES + "mem", [{"key": "k", "value": 1, "options": {"consistency": "x"}}])),

    *etag_rows("mem", "plain", "wrong", 409, "ABORTED", MISMATCH + "...", True),
    *etag_rows("sql", "plain", "wrong", 409, "ABORTED", MISMATCH, True),
    *etag_rows("red", "redis", "7777777", 409, "ABORTED", MISMATCH + "...", True),
    *etag_rows("red", "redis", "wrong", 400, "INVALID_ARGUMENT", INVALID + "...", False),
    failing("ERR_STATE_TRANSACTION", "error while executing state transaction: possible etag mismatch...",
            *transaction("mem", {"key": "e", "etag": "wrong"}), name="a wrong etag",
            first=(("POST", STORES + "mem", [{"key": "e", "value": 1}]),)),

    failing("ERR_STATE_GET", "fail to get k from state store broken: ...", ("GET", STORES + "broken/k"), ("GetState", {"storeName": "broken", "key": "k"})),
    failing("ERR_STATE_SAVE", "failed saving state in state store broken: ...", ("POST", STORES + "broken", [{"key": "k", "value": 1}]),
            ("SaveState", {"storeName": "broken", "states": [item("k")]})),
    failing("ERR_STATE_DELETE", "failed deleting state with key k: ...", ("DELETE", STORES + "broken/k"), ("DeleteState", {"storeName": "broken", "key": "k"})),
    failing("ERR_STATE_BULK_DELETE", "failed deleting state in state store broken: ...", None, ("DeleteBulkState", {"storeName": "broken", "states": [item("k")]})),
    failing("ERR_STATE_BULK_GET", "...", ("POST", STORES + "broken/bulk", {"keys": ["a", "b"]}), ("GetBulkState", {"storeName": "broken", "keys": ["a", "b"]}),
            rpc="UNKNOWN", rpc_details=[]),
    failing("ERR_STATE_TRANSACTION", "error while executing state transaction: ...", *transaction("broken", {"key": "a"}, {"key": "b"})),

    failing("ERR_NOT_SUPPORTED_STATE_OPERATION", "operation type rename not supported", *transaction("mem", {"key": "k"}, kind="rename"), name="another kind",
            status=400, rpc="UNIMPLEMENTED"),
    Row("no transactions", "ERR_STATE_STORE_NOT_SUPPORTED", 500, "UNIMPLEMENTED", "state store cache doesn't support transactions", *transaction("cache", {"key": "k"}),
        details=[HELP, resource("state", "cache"), info("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED", None)], stage="memcached"),
    Row("too many operations", "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS", 400, "INVALID_ARGUMENT",
        "the transaction contains 129 operations, which is more than what the state store supports: 128", *transaction("etc", *({"key": f"k{i}"} for i in range(129))),
        details=[resource("state", "etc"), info("DAPR_STATE_TOO_MANY_TRANSACTIONS", {"currentOpsTransaction": "129", "maxOpsPerTransaction": "128"})], stage="etcd"),
    Row("no queries", "ERR_STATE_STORE_NOT_SUPPORTED", 500, "INTERNAL", "state store does not support querying",
        ("POST", "/v1.0-alpha1/state/mem/query", {}), ("QueryStateAlpha1", {"storeName": "mem", "query": "{}"}),
        details=[resource("state", "mem"), info("DAPR_STATE_QUERYING_NOT_SUPPORTED", None)]),
    Row("query of an encrypted store", "ERR_STATE_QUERY", 500, "INTERNAL", "state store sealed query failed: cannot query encrypted store",
        ("POST", "/v1.0-alpha1/state/sealed/query", {}), ("QueryStateAlpha1", {"storeName": "sealed", "query": "{}"}),
        details=[resource("state", "sealed"), info("DAPR_STATE_QUERY_FAILED", None)], stage="redis"),
    Row("query that cannot be read", "ERR_STATE_QUERY", 500, "INTERNAL", "state store red query failed: failed to parse JSON query body: ...",
        ("POST", "/v1.0-alpha1/state/red/query", b"{"), ("QueryStateAlpha1", {"storeName": "red", "query": "{"}),
        details=[resource("state", "red"), info("DAPR_STATE_QUERY_FAILED", None)], stage="redis"),
    Row("outbox", "ERR_PUBLISH_OUTBOX", 500, "INTERNAL", "error while publishing outbox message: ...", *transaction("outbox", {"key": "k"}),
        details=[info("DAPR_PUBSUB_OUTBOX", {"appID": "app", "error": "..."})]),
]

# A component's error that says what it is of both faces is the answer as it is.
KIT = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "DAPR_KIT", "domain": "dapr.io", "metadata": {"tag": "ERR_TEAPOT"}}
KIT_CALLS = {
    "get": (("GET", STORES + "plug/fail:kit"), ("GetState", {"storeName": "plug", "key": "fail:kit"})),
    "save": (("POST", STORES + "plug", [{"key": "fail:kit", "value": 1}]), ("SaveState", {"storeName": "plug", "states": [item("fail:kit")]})),
    "delete": (("DELETE", STORES + "plug/fail:kit"), ("DeleteState", {"storeName": "plug", "key": "fail:kit"})),
    "bulk get": (("POST", STORES + "plug/bulk", {"keys": ["fail:kit:whole"]}), ("GetBulkState", {"storeName": "plug", "keys": ["fail:kit:whole"]})),
    "transaction": transaction("plug", {"key": "fail:kit"}),
}
ROWS += [Row(f"a code of the component: {name}", "ERR_TEAPOT", 418, "OUT_OF_RANGE", "short and stout", http, grpc, details=[KIT], stage="pluggable") for name, (http, grpc) in KIT_CALLS.items()]
ROWS += [failing("ERR_STATE_BULK_GET", "rpc error: code = ResourceExhausted desc = no room", ("POST", STORES + "plug/bulk", {"keys": ["fail:plain:whole"]}),
                 ("GetBulkState", {"storeName": "plug", "keys": ["fail:plain:whole"]}), name="the component refuses as a whole", rpc="UNKNOWN", rpc_details=[], stage="pluggable")]
UNPROVOKED = []
