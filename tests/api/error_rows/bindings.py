"""Errors of output bindings: contract 03, 5.1 and 5.2."""
from error_rows.row import Row, Unprovoked, info

BASE = "/v1.0/bindings/"


def call(name, cause, binding, operation, stage="plain"):
    return Row(name, "ERR_INVOKE_OUTPUT_BINDING", 500, "INTERNAL", f"error invoking output binding {binding}: {cause}",
               ("POST", BASE + binding, {"operation": operation, "data": "x"}), ("InvokeBinding", {"name": binding, "operation": operation, "data": "eA=="}),
               rpc_details=[info("ERR_INVOKE_OUTPUT_BINDING")], stage=stage)


ROWS = [
    call("none at all", "couldn't find output binding nope", "nope", "create", stage="bare"),
    call("unknown", "couldn't find output binding nope", "nope", "create"),
    call("no operation", "operation field is missing from request", "files", ""),
    call("another operation", "binding files does not support operation Create. supported operations:...", "files", "Create"),
    call("an input binding", "couldn't find output binding tick", "tick", "create"),
    call("one that fails", "...", "files", "get"),
    Row("no JSON", "ERR_MALFORMED_REQUEST", 400, "", "failed deserializing HTTP body: ...", ("POST", BASE + "files", b"{")),
    Row("a number as operation", "ERR_MALFORMED_REQUEST", 400, "", "failed deserializing HTTP body: json: cannot unmarshal number into Go struct field OutputBindingRequest.operation of type string",
        ("POST", BASE + "files", {"operation": 1})),
    Row("a list", "ERR_MALFORMED_REQUEST", 400, "", "failed deserializing HTTP body: json: cannot unmarshal array into Go value of type http.OutputBindingRequest", ("POST", BASE + "files", [])),
    Row("no JSON, PUT", "ERR_MALFORMED_REQUEST", 400, "", "failed deserializing HTTP body: ...", ("PUT", BASE + "files", b"{")),
    Row("bad baggage, sampling off", "ERR_MALFORMED_REQUEST", 400, "", "invalid baggage header: ...", ("POST", BASE + "files", {"operation": "list"}, {"baggage": "a=b=c;;,"}), stage="unsampled"),
    Row("a body over the limit", "ERR_MALFORMED_REQUEST", 400, "RESOURCE_EXHAUSTED", "failed deserializing HTTP body: ...", ("POST", BASE + "files", b"x" * 70000),
        ("InvokeBinding", {"name": "files", "operation": "create", "data": "eHh4" * 24000}), rpc_message="...", stage="small"),
]
UNPROVOKED = [Unprovoked("ERR_MALFORMED_REQUEST_DATA", "can't serialize request data field: %s", "data that was read as JSON can be written as JSON")]
