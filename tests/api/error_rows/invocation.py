"""Errors of invocation, health and metadata: contract 01, 2.2, 3 and 5.6."""
from error_rows.row import Row, Unprovoked


def invoke(name, target, cause, method="m", status=500, rpc="INTERNAL", verb="POST", **more):
    text = f"failed to invoke, id: {target}, err: {cause}"
    return Row(name, "ERR_DIRECT_INVOKE", status, rpc, text, ("POST", f"/v1.0/invoke/{target}/method/{method}", b"x"),
               ("InvokeService", {"id": target, "message": {"method": method, "httpExtension": {"verb": verb}}}), **more)


NO_ID = "failed getting app id either from the URL path or the header dapr-app-id"
ROWS = [
    invoke("unknown application", "nobody", "..."),
    invoke("itself, without an application", "app", "..."),
    invoke("a peer without an application", "silent", "rpc error: code = Internal desc = app channel is not initialized", stage="peers"),
    invoke("forbidden by the peer", "strict",
           "rpc error: code = PermissionDenied desc = access control policy has denied access to id:  operation: m verb: POST", status=403, stage="peers"),
    Row("no id, gRPC", "ERR_DIRECT_INVOKE", 0, "INTERNAL", "failed to invoke, id: , err: app id is empty", None, ("InvokeService", {"id": "", "message": {"method": "m", "httpExtension": {"verb": "POST"}}})),
    *(Row(f"no target: {verb} {path}", "ERR_DIRECT_INVOKE", 404, "", NO_ID, (verb, path))
      for verb, path in [("GET", "/nowhere"), ("GET", "/v1.0/state/mem/"), ("OPTIONS", "/v1.0/state/mem"), ("PATCH", "/v1.0/state/mem"),
                         ("POST", "/v1.0/publish/bus"), ("DELETE", "/v1.0/publish/bus/t"), ("GET", "/v1.0/bindings/files"), ("PUT", "/v1.0-alpha1/crypto//encrypt"),
                         ("PUT", "/v1.0-alpha1/lock/lock"), ("GET", "/v1.0/secrets/secrets")]),
    Row("other application", "ERR_HEALTH_APPID_NOT_MATCH", 500, "", "dapr app-id does not match", ("GET", "/v1.0/healthz?appid=other")),
    Row("not ready", "ERR_HEALTH_NOT_READY", 500, "", "dapr is not ready: [runtime]", ("GET", "/v1.0/healthz"), stage="waiting"),
    Row("not ready outwards", "ERR_OUTBOUND_HEALTH_NOT_READY", 500, "", "dapr outbound is not ready", ("GET", "/v1.0/healthz/outbound"), stage="starting"),
    Row("a gRPC application's error that has no JSON", "ERR_MALFORMED_RESPONSE", 500, "",
        'proto: google.protobuf.Any: unable to resolve "type.googleapis.com/odd.Thing": not found', ("POST", "/v1.0/invoke/app/method/m", b"x"), stage="refusing"),
    Row("a body over the limit, metadata", "ERR_BODY_READ", 400, "", "failed to read request body: stream too large", ("PUT", "/v1.0/metadata/k", b"x" * 70000), stage="small"),
]
UNPROVOKED = [
    Unprovoked("ERR_DIRECT_INVOKE", "invoke API is not ready", "the API answers only after invocation was wired"),
]
