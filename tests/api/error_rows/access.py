"""Calls that are refused before any capability sees them: contract 01, 1.8 and 8.2. Every method of the service, so that none is forgotten."""
import re

from error_rows.row import Row, info
from sidecar import ROOT

# Of the version whose API this is; the package of the tests knows methods of later ones.
METHODS = re.findall(r"^  rpc (\w+)", (ROOT / "api/proto/dapr/proto/runtime/v1/dapr.proto").read_text(), re.M)
TOKEN = [info("Unauthorized", {"http.code": "401", "http.error_message": "missing api token in request metadata"})]
LISTED = [info("Not Implemented", {"http.code": "501", "http.error_message": "requested endpoint is not available"})]
NO_ID = "failed getting app id either from the URL path or the header dapr-app-id"
ROWS = [
    *(Row(f"no token: {method}", "", 0, "UNAUTHENTICATED", "Unauthorized", None, (method, {}), rpc_details=TOKEN, stage="token") for method in METHODS),
    *(Row(f"not listed: {method}", "", 0, "UNIMPLEMENTED", "Not Implemented", None, (method, {}), rpc_details=LISTED, stage="listed")
      for method in METHODS if not method.endswith("Metadata")),
    *(Row(f"not listed: {path}", "ERR_DIRECT_INVOKE", 404, "", NO_ID, (verb, path), stage="listed")
      for verb, path in [("GET", "/v1.0/state/mem/k"), ("POST", "/v1.0/publish/bus/t"), ("GET", "/v1.0/secrets/secrets/open"), ("POST", "/v1.0-alpha1/lock/l"),
                         ("PUT", "/v1.0-alpha1/crypto/keys/encrypt"), ("POST", "/v1.0/bindings/files"), ("GET", "/v1.0/configuration/c"), ("POST", "/v1.0/shutdown")]),
]
UNPROVOKED = []
